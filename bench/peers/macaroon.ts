import { randomBytes } from 'node:crypto'
import { load, type Peer, type PeerChain } from './peer.ts'

interface Macaroon {
  addFirstPartyCaveat(caveat: string): void
  exportJSON(): object
  verify(rootKey: Uint8Array, check: (caveat: string) => string | null, discharges: readonly Macaroon[]): void
}

interface Macaroons {
  newMacaroon(options: Record<string, unknown>): Macaroon
  importMacaroon(token: object): Macaroon
}

/**
 * `macaroon`: hashes with a secret of the service alone, two caveats a grant. A bearer token: it can be used without a
 * key.
 */
export async function loadMacaroon(): Promise<Peer> {
  const { default: macaroons } = (await load('macaroon')) as { readonly default: Macaroons }
  const rootKey = randomBytes(32)
  const caveats = ['amount < 100', 'to like *@example.com']
  const issue = (depth: number) => {
    const token = macaroons.newMacaroon({ identifier: 'agent', location: 'service.example', rootKey, version: 2 })
    for (let i = 0; i < depth; i++) for (const caveat of caveats) token.addFirstPartyCaveat(caveat)
    return token
  }

  return {
    name: 'macaroon',
    issue: () => JSON.stringify(issue(1).exportJSON()),
    async chain(depth: number): Promise<PeerChain> {
      const text = JSON.stringify(issue(depth).exportJSON())
      const check = (caveat: string) => (caveats.includes(caveat) ? null : 'unknown caveat')
      // It throws when a caveat is not met.
      const verify = () => macaroons.importMacaroon(JSON.parse(text) as object).verify(rootKey, check, [])
      return { cold: verify, warm: verify, bytes: text.length }
    },
  }
}
