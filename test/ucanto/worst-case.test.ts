import type { API } from '@ucanto/core'
import { delegate, invoke } from '@ucanto/core'
import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { createAuthorizer } from '../../src/authorization/authorize.ts'
import { memoryReplayStore } from '../../src/authorization/replay-store.ts'
import { memoryRevocationStore } from '../../src/revocation/memory.ts'
import { systemClock } from '../../src/time.ts'
import { ucantoFormat } from '../../src/ucanto/ucanto-format.ts'
import { serviceOptions, verdict } from '../support/service.ts'
import { peer } from './peers.ts'
import { type RawBlock, rawArchive } from './raw.ts'

const [alice, bob, service] = (await Promise.all(['alice', 'bob', 'service'].map(peer))) as [Peer, Peer, Peer]
type Peer = Awaited<ReturnType<typeof peer>>
const mail = { can: 'mail/send', with: alice.did() } as const

/** Milliseconds of processor time that an archive of 64 KiB may take. */
const bound = 20

interface Shape {
  readonly levels: number
  readonly width: number
  readonly capabilities: (level: number) => readonly API.Capability[]
  /** Who issues the delegations that nothing stands before. */
  readonly root: API.Signer
  /** Arguments of the invocation. */
  readonly nb?: object
}

/** Delegations in levels, each of which names all of the level before; the invocation names all of the last. */
async function lattice({ levels, width, capabilities, root, nb = {} }: Shape): Promise<Uint8Array> {
  const blocks: RawBlock[] = []
  let proofs: CID[] = []
  for (let level = 0; level < levels; level++) {
    const made = await Promise.all(
      Array.from({ length: width }, (_, index) =>
        delegate({
          issuer: level === 0 ? root : bob,
          audience: bob,
          capabilities: capabilities(level) as [API.Capability],
          proofs: proofs as never,
          nonce: String(index),
          lifetimeInSeconds: 100,
        }),
      ),
    )
    blocks.push(...made.map((delegation) => delegation.root as unknown as RawBlock))
    proofs = made.map(({ cid }) => cid as unknown as CID)
  }
  const call = await invoke({
    issuer: bob,
    audience: service,
    capability: { ...mail, nb },
    proofs: proofs as never,
    nonce: 'a nonce of enough bytes',
  }).delegate()
  return rawArchive([...blocks, call.root as unknown as RawBlock])
}

const wide = Array.from({ length: 64 }, (_, index) => ({ ...mail, can: `mail/send${index}` }) as API.Capability)
const nested = (depth: number): object =>
  depth === 0 ? {} : { a: nested(depth - 1), b: Array.from({ length: 200 }, () => 0) }

const shapes: readonly (readonly [string, Shape, string])[] = [
  ['many ways that lead to the owner', { levels: 7, width: 9, capabilities: () => [mail], root: alice }, 'allowed'],
  [
    'many ways that lead nowhere',
    { levels: 7, width: 9, capabilities: () => [mail], root: service },
    'root_not_subject at container UCT-33',
  ],
  [
    'many capabilities, none of which is it',
    { levels: 1, width: 8, capabilities: () => wide, root: alice },
    'command_not_covered at container UCT-31',
  ],
  [
    'conditions that compare much',
    {
      levels: 5,
      width: 2,
      capabilities: () => [{ ...mail, nb: { a: nested(20) } as never }],
      root: alice,
      nb: { a: nested(20) },
    },
    'allowed',
  ],
]

describe('an archive of 64 KiB', () => {
  it.each(shapes)(`UCT-36 of %s takes at most ${bound} ms [attack 25]`, async (_, shape, expected) => {
    const bytes = await lattice(shape)
    expect(bytes.length).toBeLessThanOrEqual(65_536)
    const times: number[] = []
    for (let round = 0; round < 9; round++) {
      // Nothing is remembered from one round to the next.
      const authorizer = createAuthorizer(
        serviceOptions({
          clock: systemClock,
          replay: memoryReplayStore(),
          revocations: memoryRevocationStore(),
          formats: [ucantoFormat()],
        }),
      )
      const start = process.cpuUsage()
      const decision = authorizer.authorizeSync(bytes)
      const { user, system } = process.cpuUsage(start)
      times.push((user + system) / 1000)
      expect(verdict(decision)).toBe(expected)
    }
    // The first rounds compile; collecting garbage runs beside.
    expect(times.sort((a, b) => a - b)[2]).toBeLessThan(bound)
  })
})
