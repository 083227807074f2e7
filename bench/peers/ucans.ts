import { load, mustBe, type Peer, type PeerChain } from './peer.ts'

interface Keypair {
  did(): string
}

interface Ucans {
  readonly EdKeypair: { create(): Promise<Keypair> }
  build(options: Record<string, unknown>): Promise<object>
  encode(ucan: object): string
  verify(token: string, options: Record<string, unknown>): Promise<{ readonly ok: boolean }>
}

/** `@ucans/ucans`: UCAN 0.8, JWTs nested in one another. It keeps nothing between calls, so that warm is cold. */
export async function loadUcans(): Promise<Peer> {
  const ucans = (await load('@ucans/ucans')) as Ucans
  const grant = (subject: string) => ({
    with: { scheme: 'mailto', hierPart: subject },
    can: { namespace: 'mail', segments: ['SEND'] },
  })
  const issuer = await ucans.EdKeypair.create()
  const audience = (await ucans.EdKeypair.create()).did()

  return {
    name: 'ucans',
    issue: () =>
      ucans
        .build({ issuer, audience, capabilities: [grant('bob@example.com')], lifetimeInSeconds: 3600 })
        .then(ucans.encode),
    async chain(depth: number): Promise<PeerChain> {
      const keys = await Promise.all(Array.from({ length: depth + 1 }, () => ucans.EdKeypair.create()))
      const service = (await ucans.EdKeypair.create()).did()
      const capability = grant('bob@example.com')
      let token: string | undefined
      for (let i = 0; i <= depth; i++) {
        const ucan = await ucans.build({
          issuer: keys[i],
          audience: keys[i + 1]?.did() ?? service,
          capabilities: [capability],
          lifetimeInSeconds: 3600,
          proofs: token === undefined ? [] : [token],
        })
        token = ucans.encode(ucan)
      }
      const rootIssuer = (keys[0] as Keypair).did()
      const verify = async () => {
        const { ok } = await ucans.verify(token as string, {
          audience: service,
          requiredCapabilities: [{ capability, rootIssuer }],
        })
        mustBe(ok, 'ucans')
      }
      return { cold: verify, warm: verify, bytes: (token as string).length }
    },
  }
}
