import { describe, expect, it } from 'vitest'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import type { RevocationKnowledge, RevocationStore } from '../../src/core/revocation/revocation-store.ts'
import { StoreError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { followRevocations } from '../../src/revocation-sources/follow-revocations.ts'
import { remoteRevocations } from '../../src/revocation-sources/lookup/remote-revocations.ts'
import { revocationLookup } from '../../src/revocation-sources/lookup/revocation-lookup.ts'
import { never } from '../../src/time.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { operatedSource } from '../revocation-sources/sources.ts'
import { actor, now } from '../support/actors.ts'
import { call, chainOf, service } from '../support/service.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)
const [grant] = proofs
const read = defineCommand({ command: '/mail/read', args: {} })

const containerOf = async () =>
  encodeContainer([await call({ issuer: bob, proofs, command: '/mail/read', args: {} }), ...proofs])

function setUp(revocations: RevocationStore, change: Partial<GuardOptions> = {}) {
  const sink = memoryAuditSink()
  const errors: unknown[] = []
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [{ ...read, credential: 'mail' }] as GuardOptions['commands'],
    revocations,
    replay: memoryReplayStore({ clock: { now: () => now } }),
    vault: memoryVault(
      {
        mail: {
          secret: 'canary',
          origins: ['https://mail.example'],
          processor: bearer(),
          methods: ['GET'],
          leasable: true,
        },
      },
      { clock: { now: () => now } },
    ),
    audit: { sink },
    clock: { now: () => now },
    onError: (error) => errors.push(error),
    ...change,
  })
  const ages = (): string[] =>
    sink.records().map(({ event }: { readonly event: AuditEvent }) => {
      const { kind, revocationAgeMs, revocationsStale } = event as Extract<AuditEvent, { kind: 'intent' }>
      return `${kind} ${revocationAgeMs}${revocationsStale ? ' stale' : ''}`
    })
  return { guard, sink, errors, ages }
}

/** A store whose knowledge is given by a test. */
function known(...answers: readonly (() => RevocationKnowledge | undefined)[]): RevocationStore {
  let asked = 0
  return { findRevocations: () => [], knowledge: () => answers[Math.min(asked++, answers.length - 1)]?.() }
}

describe('the age of the revocations', () => {
  it('RVK-22 is in the intent, and as it was at the release in its record', async () => {
    const { guard, ages, sink } = setUp(
      known(
        () => ({ ageSeconds: 0.25, stale: false }),
        () => ({ ageSeconds: 0.5, stale: false }),
        () => ({ ageSeconds: 12, stale: true }),
        () => undefined,
      ),
    )
    await guard.use(await containerOf(), async ({ lease }) => void (await lease()))
    expect(ages()).toEqual(['intent 500', 'released 12000 stale', 'outcome undefined'])
    expect(await verifyAuditLog(sink.lines())).toMatchObject({ valid: true })
  })

  it('RVK-22 is in the record of a refusal and of a dry run', async () => {
    const { guard, ages } = setUp(known(() => ({ ageSeconds: 3, stale: true })))
    await guard.dryRun(await containerOf())
    await guard.use('garbage', () => 1)
    expect(ages()).toEqual(['intent 3000 stale', 'outcome undefined', 'denied 3000 stale'])
  })

  it('is absent for a store that answers from its data of the moment, or does not know it', async () => {
    for (const store of [memoryRevocationStore(), known(() => undefined)]) {
      const { guard, ages, errors } = setUp(store)
      expect(await guard.use(await containerOf(), () => 1)).toMatchObject({ allowed: true })
      expect(ages()).toEqual(['intent undefined', 'outcome undefined'])
      expect(errors).toEqual([])
    }
  })

  it('is reported as an error, and not recorded, if a store throws or returns garbage: the look-up decides', async () => {
    const garbage = [
      () => {
        throw new Error('no')
      },
      ...[{ ageSeconds: Number.NaN }, { ageSeconds: -1 }, { ageSeconds: '1' }, { ageSeconds: 1e300 }, 7].map(
        (answer) => () => answer as never,
      ),
    ]
    for (const answer of garbage) {
      const { guard, ages, errors } = setUp(known(answer))
      expect(await guard.use(await containerOf(), () => 1)).toMatchObject({ allowed: true })
      expect(ages()).toEqual(['intent undefined', 'outcome undefined'])
      // Before the look-up and after it.
      expect(errors).toHaveLength(2)
    }
  })
})

describe('a guard with a copy of revocations', () => {
  it('RVK-20 denies when the source is down, or allows within the time of the operator and records it [attack 22]', async () => {
    for (const dangerouslyAllowStaleFor of [0, 60]) {
      const source = operatedSource()
      let time: number = now
      const copy = followRevocations({ source, maxAge: 10, dangerouslyAllowStaleFor, clock: { now: () => time } })
      const { guard, ages, errors } = setUp(copy)
      const attempt = async (): Promise<string> => {
        const result = await guard.use(await containerOf(), () => 1)
        return result.allowed ? 'allowed' : result.denial.code
      }
      expect(await attempt()).toBe('revocation_unknown')
      expect(errors).toEqual([expect.any(StoreError)])
      source.send({ entries: [], cursor: '1', completeAt: now })
      await copy.ready()
      expect(await attempt()).toBe('allowed')
      time += 40
      expect(await attempt()).toBe(dangerouslyAllowStaleFor > 0 ? 'allowed' : 'revocation_unknown')
      expect(ages().filter((line) => line.endsWith('stale'))).toEqual([
        expect.stringMatching(/^(intent|denied) 400\d\d stale$/),
      ])
      time += 40
      expect(await attempt()).toBe('revocation_unknown')
      await copy.close()
    }
  })

  it('RVK-52 records the first stale answer of a look-up, too', async () => {
    let isDown = false
    let time: number = now
    const lookup = revocationLookup({ revocations: memoryRevocationStore(), signer: service, authorize: () => true })
    const revocations = remoteRevocations({
      url: 'https://authority.example',
      publisher: service.did,
      maxAge: 10,
      dangerouslyAllowStaleFor: 60,
      clock: { now: () => time },
      fetch: (url, init) => (isDown ? Promise.reject(new Error('down')) : lookup.fetch(new Request(url, init))),
    })
    const { guard, ages } = setUp(revocations)
    expect(await guard.use(await containerOf(), () => 1)).toMatchObject({ allowed: true })
    isDown = true
    time += 40
    expect(await guard.use(await containerOf(), () => 1)).toMatchObject({ allowed: true })
    expect(ages().filter((line) => line.startsWith('intent'))).toEqual([
      expect.stringMatching(/^intent \d+$/),
      expect.stringMatching(/^intent 400\d\d stale$/),
    ])
  })

  it('RVK-05 refuses a call from the entry on, also when the copy is too old', async () => {
    const source = operatedSource()
    let time: number = now
    const copy = followRevocations({ source, clock: { now: () => time } })
    const { guard } = setUp(copy)
    source.send({ entries: [{ ids: [String(grant?.cid)], expiration: never }], cursor: '1', completeAt: now })
    await copy.ready()
    for (const later of [0, 3600]) {
      time += later
      const result = await guard.use(await containerOf(), () => 1)
      expect(result).toMatchObject({ allowed: false, denial: { code: 'revoked' } })
    }
    await copy.close()
  })
})
