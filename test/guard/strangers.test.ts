import { describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { parseDid } from '../../src/core/did/did.ts'
import { compositeResolver, type DidResolver, keyResolver } from '../../src/core/did/resolver.ts'
import { generateSigner } from '../../src/core/principal/generate-signer.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { actor, clock } from '../support/actors.ts'
import { call, chainOf, delegateRaw, service } from '../support/service.ts'

const [alice, bob] = [await actor('alice'), await actor('bob')]
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { to: text() } })
const genuine = async () =>
  encodeContainer([await call({ issuer: bob, proofs, command: send.command, args: { to: 7 } }), ...proofs])
async function stranger(args: { readonly to: string | number }): Promise<string> {
  const issuer = await generateSigner()
  return encodeContainer([await call({ issuer, subject: issuer.did, proofs: [], command: send.command, args })])
}

describe('refused calls where owners are known at run time', () => {
  function setUp(subjects: GuardOptions['subjects'], audience: GuardOptions['audience'] = service.did) {
    const sink = memoryAuditSink()
    const guard = createGuard({
      audience,
      subjects,
      commands: [send],
      revocations: memoryRevocationStore({ clock }),
      replay: memoryReplayStore({ clock }),
      audit: { sink },
      clock,
    })
    const refused = () =>
      sink.records().flatMap(({ event }) => (event.kind === 'denied' ? [[event.code, event.authenticated]] : []))
    return { guard, refused }
  }

  it('AUD-27 of strangers are unauthenticated, and take no room of owners', async () => {
    const { guard, refused } = setUp(async (did) => did === alice.did)
    for (let n = 0; n < 120; n++) await guard.use(await stranger({ to: 7 }), () => 1)
    await guard.use(await stranger({ to: 'bob' }), () => 1)
    for (let n = 0; n < 5; n++) await guard.use(await genuine(), () => 1)
    expect(refused().filter(([, authenticated]) => authenticated === true)).toHaveLength(5)
    expect(refused().length).toBeLessThan(120)
  })

  it('AUD-27 of a subject or an audience that is refused, or not found out, are unauthenticated', async () => {
    for (const [subjects, audience] of [
      [() => false, undefined],
      [() => Promise.reject(new Error('no database')), undefined],
      [() => true, () => false],
    ] as const) {
      const { guard, refused } = setUp(subjects, audience)
      await guard.use(await stranger({ to: 'bob' }), () => 1)
      await guard.use(await stranger({ to: 7 }), () => 1)
      expect(refused()[0]?.[1]).toBe(false)
      expect(refused()[1]?.[1]).toBe(audience !== undefined)
    }
  })
})

describe('calls that wait for the keys of their DIDs', () => {
  function setUp(maxInFlight: number) {
    const waiting: (() => void)[] = []
    const web: DidResolver = { resolve: () => new Promise((resolve) => waiting.push(() => resolve(undefined))) }
    const guard = createGuard({
      audience: service.did,
      subjects: (did) => did === alice.did,
      commands: [send],
      resolver: compositeResolver({ key: keyResolver(), web }),
      revocations: memoryRevocationStore({ clock }),
      replay: memoryReplayStore({ clock }),
      audit: { sink: memoryAuditSink() },
      ...{ clock, maxInFlight },
    })
    const answer = () => {
      for (const go of waiting.splice(0)) go()
    }
    return { guard, waiting, answer }
  }
  /** A call whose delegation is by a did:web that the caller has invented, with the signature of another key. */
  async function forged(at: number): Promise<string> {
    const did = parseDid(`did:web:attacker.example:${at}`)
    const delegation = await delegateRaw({ ...bob, did }, bob)
    return encodeContainer([
      await call({ issuer: bob, subject: did, proofs: [delegation], args: { to: 'bob' } }),
      delegation,
    ])
  }
  const allowed = async () => encodeContainer([await call({ issuer: bob, proofs, args: { to: 'bob' } }), ...proofs])
  /** A call with a copied delegation to a did:web, with the signature of another key. */
  const copied = async () => {
    const issuer = { ...bob, did: parseDid('did:web:agent.example') }
    const delegation = await delegateRaw(alice, issuer)
    return encodeContainer([await call({ issuer, proofs: [delegation], args: { to: 'bob' } }), delegation])
  }

  it('GRD-23 take half of the places, so that strangers whose servers hang stop no other calls [attack 69]', async () => {
    for (const maxInFlight of [10, 7, 2]) {
      const most = Math.ceil(maxInFlight / 2)
      const { guard, waiting, answer } = setUp(maxInFlight)
      const codes: string[] = []
      const ways = [
        async (at: number) => guard.use(at % 2 === 0 ? await forged(at) : await copied(), () => 1),
        async (at: number) => guard.authorize(await forged(at)),
        async (at: number) => guard.dryRun(await forged(at)),
      ] as const
      for (let round = 0; round < 2; round += 1) {
        const held: Promise<unknown>[] = []
        for (let at = 0; at < 3 * maxInFlight; at += 1) {
          const way = ways[at % ways.length] as (typeof ways)[0]
          const result = way(at).then((one) => void codes.push(one.allowed ? 'allowed' : one.denial.code))
          if (at < most) held.push(result)
          else await result
          await expect.poll(() => waiting.length).toBe(Math.min(at + 1, most))
        }
        expect(guard.health().calls).toBe(most)
        expect(await guard.use(await allowed(), () => 'done')).toMatchObject({ value: 'done' })
        expect(new Set(codes)).toEqual(new Set(['key_unresolved']))
        answer()
        await Promise.all(held)
        expect(guard.health().calls).toBe(0)
      }
    }
  })

  it('GRD-23 give their places back when their time is over, though the resolver never answers', async () => {
    const { guard, waiting } = setUp(2)
    const controller = new AbortController()
    const first = guard.use(await forged(1), () => 1, { signal: controller.signal })
    await expect.poll(() => waiting.length).toBe(1)
    expect(await guard.use(await forged(2), () => 1)).toMatchObject({ denial: { code: 'key_unresolved' } })
    controller.abort(new Error('given up'))
    await expect(first).rejects.toThrow('given up')
    const second = guard.use(await forged(3), () => 1)
    await expect.poll(() => waiting.length).toBe(2)
    waiting[1]?.()
    expect(await second).toMatchObject({ denial: { code: 'key_unresolved' } })
  })
})
