import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import { openPersonal } from '../../src/audit/privacy/personal.ts'
import { memoryPersonalKeyStore } from '../../src/audit/privacy/personal-key-store.ts'
import { createPseudonymizer } from '../../src/audit/privacy/pseudonym.ts'
import { findOpenIntents } from '../../src/audit/recovery/find-open-intents.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { encodeCbor } from '../../src/core/ipld/encode.ts'
import { verifyReceipt } from '../../src/core/receipt/verify-receipt.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { ArgumentError, AuditError, AuthorizationError } from '../../src/errors.ts'
import type { GuardedCall } from '../../src/guard/call.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import type { GuardEvent } from '../../src/guard/telemetry.ts'
import { never } from '../../src/time.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { referenceTable } from '../../src/vault/rules/reference-table.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { actor, clock, now } from '../support/actors.ts'
import { present } from '../support/present.ts'
import { call, chainOf, service } from '../support/service.ts'
import { until } from '../support/until.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const secret = 'canary-7f3a91c04be2'
const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { to: z.string() } })
const draft = defineCommand({ command: '/mail/draft', args: { to: z.string(), note: z.string() } })
const read = defineCommand({ command: '/mail/read', args: {} })
let upstream: Upstream

beforeAll(async () => {
  upstream = await startUpstream(secret)
})
afterAll(() => upstream.close())

const vaultOf = (origin = upstream.origin): Vault =>
  memoryVault(
    {
      mail: { secret, origins: [origin], processor: bearer(), methods: ['GET', 'POST'] },
      key: { secret, leasable: true },
    },
    { clock },
  )

function setUp(change: Partial<GuardOptions> = {}) {
  const sink = memoryAuditSink()
  const options: GuardOptions = present({
    audience: service.did,
    subjects: [alice.did],
    commands: [{ ...send, credential: 'mail', show: ['to'] }, read] as GuardOptions['commands'],
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    vault: vaultOf(),
    audit: { sink },
    clock,
    ...change,
  })
  const kinds = (): string[] =>
    sink.records().map(({ event }) => ('status' in event ? `${event.kind} ${event.status}` : event.kind))
  return {
    guard: createGuard(options),
    sink,
    kinds,
    events: (): AuditEvent[] => sink.records().map(({ event }) => event),
  }
}

const containerOf = async (
  command = '/mail/send',
  args: Record<string, unknown> = command === '/mail/send' ? { to: 'bob@example.com' } : {},
) => encodeContainer([await call({ issuer: bob, proofs, command, args: args as never }), ...proofs])

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())

const post = (handled: GuardedCall) =>
  handled.fetch(`${upstream.origin}/send`, { method: 'POST', body: 'hello' }).then((response) => response.status)

describe('guard.use', () => {
  it('authorizes, records, releases, runs and records, in this order', async () => {
    const { guard, kinds, sink, events } = setUp()
    const result = await guard.use(await containerOf(), post)
    expect(result).toEqual({ allowed: true, value: 200, recorded: true })
    expect(upstream.requests.at(-1)).toMatchObject({
      method: 'POST',
      path: '/send',
      authorization: `Bearer ${secret}`,
      body: 'hello',
    })
    expect(kinds()).toEqual(['intent', 'released', 'outcome ok'])
    expect(events()[0]).toMatchObject({
      subject: alice.did,
      invoker: bob.did,
      command: '/mail/send',
      vault: 'mail',
      args: { to: 'bob@example.com' },
    })
    expect(events()[2]).toMatchObject({ upstreamStatus: 200 })
    expect(await verifyAuditLog(sink.lines())).toMatchObject({ valid: true })
  })

  it('gives the handler the signed arguments, and no access to the secret or the authorization', async () => {
    const { guard } = setUp()
    await guard.use(await containerOf(), async (handled) => {
      expect(handled.args).toEqual({ to: 'bob@example.com' })
      expect(Object.isFrozen(handled.args)).toBe(true)
      expect(handled.is(send)).toBe(true)
      expect(handled.is(read)).toBe(false)
      expect(inspect(handled, { depth: 9, showHidden: true })).not.toContain(secret)
      const response = await post(handled)
      expect(response).toBe(200)
    })
    const self = await guard.use(await containerOf(), async function (this: unknown) {
      return this
    })
    expect(self).toMatchObject({ allowed: true, value: undefined })
  })

  it('does not run the handler of a refused call, and records the refusal', async () => {
    const { guard, kinds, events } = setUp()
    let ran = 0
    const container = await containerOf()
    await guard.use(container, () => (ran += 1))
    const refused: [string | Uint8Array, string][] = [
      [container, 'replayed'],
      ['nonsense', 'unsupported'],
      [await containerOf('/mail/send', { to: 7 }), 'arguments_invalid'],
      [await containerOf('/mail/delete'), 'command_unknown'],
    ]
    for (const [given, code] of refused) {
      expect(await guard.use(given, () => (ran += 1))).toMatchObject({ allowed: false, denial: { code } })
    }
    expect(ran).toBe(1)
    expect(kinds()).toEqual(['intent', 'outcome ok', 'denied', 'denied', 'denied', 'denied'])
    expect(events()[2]).toMatchObject({ kind: 'denied', code: 'replayed', invoker: bob.did, command: '/mail/send' })
    expect(events()[3]).not.toHaveProperty('invoker')
  })

  it('GRD-01 does nothing unless the intent is recorded, in all failures of the sink [attack 78]', async () => {
    const sinks: Partial<AuditSink>[] = [
      { append: () => Promise.reject(new AuditError('ERR_AUDIT_SHORT_WRITE', 'short write')) },
      {
        append: () => {
          throw new Error('full')
        },
      },
      { append: () => new Promise(() => undefined) },
    ]
    for (const failing of sinks) {
      const sink = { name: 'failing', close: async () => undefined, ...failing } as AuditSink
      const errors: unknown[] = []
      const { guard } = setUp({ audit: { sink, deadlineMs: 20 }, onError: (error) => errors.push(error) })
      const before = upstream.requests.length
      let ran = false
      const result = await guard.use(await containerOf(), async (handled) => {
        ran = true
        return post(handled)
      })
      expect(result).toMatchObject({ allowed: false, denial: { code: 'audit_unavailable', requirement: 'GRD-01' } })
      expect([ran, upstream.requests.length - before, errors.length]).toEqual([false, 0, 1])
    }
  })

  it('GRD-01 P15: for any pattern of failures, every request was recorded before as intended and released', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), async (fails) => {
        const inner = memoryAuditSink()
        let turn = 0
        const sink: AuditSink = {
          name: 'flaky',
          append: (event, options) =>
            fails[turn++ % fails.length]
              ? Promise.reject(new AuditError('ERR_AUDIT_UNCONFIRMED', 'no'))
              : inner.append(event, options),
          close: () => inner.close(),
        }
        const { guard } = setUp({ audit: { sink } })
        for (let index = 0; index < 3; index++) {
          const before = upstream.requests.length
          await guard.use(await containerOf(), post).catch(() => undefined)
          const reached = upstream.requests.length - before
          const intents = inner.records().filter(({ event }) => event.kind === 'intent').length
          const released = inner.records().filter(({ event }) => event.kind === 'released').length
          expect(reached).toBeLessThanOrEqual(1)
          expect(intents).toBeGreaterThanOrEqual(released)
          if (reached === 1)
            expect(
              inner.records().at(-1)?.event.kind === 'released' || inner.records().at(-1)?.event.kind === 'outcome',
            ).toBe(true)
        }
        const total = inner.records().filter(({ event }) => event.kind === 'released').length
        expect(total).toBeLessThanOrEqual(3)
      }),
      { numRuns: 25 },
    )
  })

  it('GRD-02 checks again before the release: a call revoked meanwhile is refused [attack 74]', async () => {
    const revocations = memoryRevocationStore({ clock })
    const { guard, kinds } = setUp({ revocations })
    const before = upstream.requests.length
    const used = guard.use(await containerOf(), async (handled) => {
      await revocations.add({ ids: [bob.did], expiration: never })
      return post(handled)
    })
    await expect(used).rejects.toMatchObject({ code: 'ERR_VAULT_REVOKED' })
    expect(upstream.requests.length).toBe(before)
    expect(kinds()).toEqual(['intent', 'outcome error'])
  })

  it('GRD-03 P16: allows one use of the credential for one call [attack 74]', async () => {
    const { guard, kinds } = setUp()
    const before = upstream.requests.length
    const used = guard.use(await containerOf(), async (handled) => {
      const results = await Promise.allSettled([post(handled), post(handled), handled.lease()])
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      return post(handled)
    })
    await expect(used).rejects.toBeInstanceOf(AuthorizationError)
    expect(upstream.requests.length - before).toBe(1)
    expect(kinds()).toEqual(['intent', 'released', 'outcome error'])
  })

  it('takes back a lease that the handler left open', async () => {
    const { guard, kinds } = setUp({ commands: [{ ...send, credential: 'key' }] as never })
    let kept: { secret: { reveal(): string } } | undefined
    await guard.use(await containerOf(), async (handled) => {
      kept = await handled.lease()
      expect(kept.secret.reveal()).toBe(secret)
    })
    expect(() => kept?.secret.reveal()).toThrow(/disposed of/)
    expect(kinds()).toEqual(['intent', 'released', 'outcome ok'])
  })

  it('takes back the open lease of a failed handler before the outcome is recorded', async () => {
    const inner = memoryAuditSink()
    let kept: { secret: { reveal(): string } } | undefined
    let open: boolean | undefined
    const append: AuditSink['append'] = (event, options) => {
      if (event.kind === 'outcome') {
        try {
          open = kept?.secret.reveal() === secret
        } catch {
          open = false
        }
      }
      return inner.append(event, options)
    }
    const { guard } = setUp({
      commands: [{ ...send, credential: 'key' }] as never,
      audit: { sink: { ...inner, append } },
    })
    const failing = guard.use(await containerOf(), async (handled) => {
      kept = await handled.lease()
      throw new RangeError('later')
    })
    await expect(failing).rejects.toThrow(RangeError)
    expect(open).toBe(false)
  })

  it('GRD-03 does not run the handler when the time of the call ended while its intent was recorded [attack 74]', async () => {
    let time = now
    const inner = memoryAuditSink()
    const append: AuditSink['append'] = (event, options) => {
      if (event.kind === 'intent') time += 400
      return inner.append(event, options)
    }
    const deadlines = { handlerMs: 600_000 }
    const { guard } = setUp({ clock: { now: () => time }, audit: { sink: { ...inner, append } }, deadlines })
    let ran = false
    const late = guard.use(await containerOf('/mail/read'), () => {
      ran = true
    })
    await expect(late).rejects.toThrow(AuthorizationError)
    expect([ran, inner.records().map(({ event }) => event.kind)]).toEqual([false, ['intent', 'outcome']])
  })

  it('sends the credential to configured origins only, whatever the call contains [attack 75] [attack 76]', async () => {
    const elsewhere = await startUpstream(secret)
    const { guard } = setUp()
    for (const url of [
      elsewhere.origin,
      `${upstream.origin}@evil.test`,
      upstream.origin.replace('127.0.0.1', 'localhost'),
      `http://x:y@${upstream.origin.slice(7)}`,
    ]) {
      await expect(guard.use(await containerOf(), (handled) => handled.fetch(url))).rejects.toMatchObject({
        code: /^ERR_VAULT_/,
      })
    }
    expect(elsewhere.requests).toEqual([])
    await elsewhere.close()
  })

  it('uses the credential of the owner whose authority the call has, and no other [attack 75]', async () => {
    const carol = await actor('carol')
    const dave = await actor('dave')
    const keys: Readonly<Record<string, string>> = { alice: 'canary-alice', carol: 'canary-carol' }
    const servers = { alice: await startUpstream('canary-alice'), carol: await startUpstream('canary-carol') }
    const origins = [servers.alice.origin, servers.carol.origin]
    const credential = referenceTable([
      { command: '/mail', subject: alice.did, reference: 'alice' },
      { command: '/mail', subject: carol.did, reference: 'carol' },
    ])
    const { guard, events } = setUp({
      subjects: [alice.did, carol.did, dave.did],
      commands: [{ ...send, credential }] as GuardOptions['commands'],
      vault: memoryVault(
        Object.fromEntries(
          Object.entries(keys).map(([name, key]) => [name, { secret: key, origins, processor: bearer() }]),
        ),
        { clock },
      ),
    })
    const ask = async (owner: typeof alice, target: string, to: string): Promise<unknown> => {
      const chain = await chainOf(owner, bob)
      const invocation = await call({ issuer: bob, proofs: chain, subject: owner.did, args: { to } })
      return guard
        .use(encodeContainer([invocation, ...chain]), async ({ fetch }) => (await fetch(target)).status)
        .then(
          (result) => (result.allowed ? result.value : result.denial.code),
          (error: { code?: string }) => error.code,
        )
    }
    expect(await ask(alice, servers.alice.origin, 'x')).toBe(200)
    expect(await ask(carol, servers.carol.origin, 'x')).toBe(200)
    // The arguments and the target have no influence: the upstream of the other owner refuses Alice's key.
    expect(await ask(alice, servers.carol.origin, 'carol')).toBe(401)
    expect(servers.carol.requests.at(-1)?.authorization).toBe('Bearer canary-alice')
    expect(await ask(dave, servers.alice.origin, 'alice')).toBe('credential_missing')
    expect(events().flatMap((event) => (event.kind === 'intent' ? [event.vault] : []))).toEqual([
      'alice',
      'carol',
      'alice',
    ])
    await Promise.all([servers.alice.close(), servers.carol.close()])
  })

  it('records the error of a handler by its code, and rethrows it', async () => {
    const { guard, events } = setUp()
    const error = Object.assign(new Error(`failed with ${secret}`), { code: 'E_UPSTREAM' })
    await expect(guard.use(await containerOf(), () => Promise.reject(error))).rejects.toBe(error)
    expect(events().at(-1)).toMatchObject({ kind: 'outcome', status: 'error', code: 'E_UPSTREAM' })
    expect(JSON.stringify(events())).not.toContain(secret)
  })

  it('GRD-04 limits the time of the decision and of the handler [attack 82]', async () => {
    const hanging = { findRevocations: () => new Promise<never>(() => undefined) }
    const slow = setUp({ revocations: hanging, deadlines: { decisionMs: 20 } })
    expect(await slow.guard.use(await containerOf(), post)).toMatchObject({
      denial: { code: 'deadline_exceeded', requirement: 'GRD-04' },
    })
    const { guard, kinds } = setUp({ deadlines: { handlerMs: 20 } })
    let aborted = false
    const used = guard.use(
      await containerOf('/mail/read'),
      (handled) =>
        new Promise((_, reject) => {
          handled.signal.addEventListener('abort', () => {
            aborted = true
            reject(handled.signal.reason)
          })
        }),
    )
    await expect(used).rejects.toThrow(/^the handler timed out after 20 ms; raise `deadlines.handlerMs`/)
    expect([aborted, kinds()]).toEqual([true, ['intent', 'outcome unknown']])
  })

  it('GRD-05 limits the number of simultaneous calls', async () => {
    const { guard } = setUp({ maxInFlight: 2 })
    let release: (() => void) | undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    const first = guard.use(await containerOf('/mail/read'), () => held)
    const second = guard.use(await containerOf('/mail/read'), () => held)
    expect(await guard.use(await containerOf('/mail/read'), post)).toMatchObject({
      denial: { code: 'overloaded', requirement: 'GRD-05' },
    })
    release?.()
    expect([await first, await second].map(({ allowed }) => allowed)).toEqual([true, true])
    expect(await guard.use(await containerOf('/mail/read'), () => 1)).toMatchObject({ value: 1 })
  })

  it('GRD-06 finishes running calls when it closes, and refuses new ones', async () => {
    const { guard, sink } = setUp()
    const calls = await Promise.all(Array.from({ length: 20 }, () => containerOf('/mail/read')))
    const running = calls.map((container) =>
      guard.use(container, () => new Promise((resolve) => setTimeout(resolve, 30))),
    )
    await new Promise((resolve) => setTimeout(resolve, 15))
    const closing = guard.close()
    expect(await guard.use(await containerOf('/mail/read'), post)).toMatchObject({
      denial: { code: 'closed', requirement: 'GRD-06' },
    })
    await closing
    expect((await Promise.all(running)).every((result) => result.allowed && result.recorded)).toBe(true)
    expect(await findOpenIntents(sink.records())).toEqual([])
    await expect(sink.append({ kind: 'denied', id: 'x', time: now, code: 'x' }, {})).rejects.toMatchObject({
      code: 'ERR_AUDIT_CLOSED',
    })
  })

  it('GRD-06 does not wait forever when it closes', async () => {
    const { guard, kinds } = setUp({ deadlines: { closeMs: 20 } })
    const stuck = guard
      .use(await containerOf('/mail/read'), () => new Promise(() => undefined))
      .catch((error: Error) => error.message)
    await new Promise((resolve) => setTimeout(resolve, 15))
    await guard[Symbol.asyncDispose]()
    expect(await stuck).toMatch(/closing/)
    expect(kinds()).toEqual(['intent', 'outcome unknown'])
  })

  it('GRD-06 does not run a handler after the time to close, even if the decision was pending', async () => {
    const memory = memoryAuditSink()
    // This sink records after its end, so that only the guard can stop the handler.
    const sink: AuditSink = { ...memory, close: async () => undefined }
    let answer: (found: never[]) => void = () => undefined
    const slow = { findRevocations: () => new Promise<never[]>((resolve) => (answer = resolve)) }
    const { guard } = setUp({ audit: { sink }, revocations: slow, deadlines: { closeMs: 10 } })
    let ran = false
    const used = guard.use(await containerOf('/mail/read'), () => {
      ran = true
    })
    await new Promise((resolve) => setTimeout(resolve, 5))
    await guard.close()
    answer([])
    expect(await used).toMatchObject({ allowed: false, denial: { code: 'closed', requirement: 'GRD-06' } })
    expect(ran).toBe(false)
    expect(memory.records()).toEqual([])
  })

  it('GRD-07 signs a receipt for the agent: the task, the value, the record', async () => {
    const { guard, sink } = setUp({ receipts: service })
    const invocation = await call({ issuer: bob, proofs, command: '/mail/read' })
    const result = await guard.use(encodeContainer([invocation, ...proofs]), () => ({ id: 7 }))
    if (!result.allowed || result.receipt === undefined) throw new Error('no receipt')
    const { task } = invocation
    const verdict = await verifyReceipt(result.receipt.bytes, { executor: service.did, task, value: { id: 7 } })
    const record = sink.records().at(-1)
    expect(verdict).toMatchObject({
      verified: true,
      receipt: {
        outcome: { ok: { hash: sha256(encodeCbor({ id: 7 })) } },
        meta: { audit: { sequence: record?.sequence, hash: record?.hash } },
      },
    })
    const opaque = await guard.use(await containerOf('/mail/read'), () => new Map())
    expect(opaque).toMatchObject({ receipt: { outcome: { ok: { hash: null } } } })
  })

  it('GRD-07 signs with the signer of the audience: a former DID of the service, or else the first', async () => {
    const [former, other] = [await actor('former'), await actor('other')]
    const audience = [service.did, former.did, other.did]
    const receipts = [service, former]
    const { guard } = setUp({ audience, receipts })
    receipts.length = 0
    for (const [did, executor] of [
      [service.did, service.did],
      [former.did, former.did],
      [other.did, service.did],
    ] as const) {
      const invocation = await call({ issuer: bob, audience: did, proofs, command: '/mail/read' })
      const result = await guard.use(encodeContainer([invocation, ...proofs]), () => 1)
      if (!result.allowed || result.receipt === undefined) throw new Error('no receipt')
      const { task } = invocation
      expect(await verifyReceipt(result.receipt.bytes, { executor, task, value: 1 })).toMatchObject({ verified: true })
    }
    for (const wrong of [[], [former.did], [former, undefined], former.did])
      expect(() => setUp({ receipts: wrong as never })).toThrow(/`receipts` must be/)
  })

  it('GRD-07 reports that a receipt could not be signed, and still returns the value', async () => {
    const failures: unknown[] = []
    const broken = { ...service, sign: () => Promise.reject(new Error('no key')) }
    const { guard } = setUp({ receipts: broken, onError: (error) => void failures.push(error) })
    const result = await guard.use(await containerOf('/mail/read'), () => 1)
    expect(result).toEqual({ allowed: true, value: 1, recorded: true })
    expect(failures).toHaveLength(1)
  })

  it('reports an unrecorded outcome, and signs no receipt then', async () => {
    const inner = memoryAuditSink()
    let turn = 0
    const sink: AuditSink = {
      ...inner,
      append: (event, options) => (++turn === 2 ? Promise.reject(new Error('full')) : inner.append(event, options)),
    }
    const { guard } = setUp({ audit: { sink }, receipts: service })
    const result = await guard.use(await containerOf('/mail/read'), () => 1)
    expect(result).toEqual({ allowed: true, value: 1, recorded: false })
    expect(await findOpenIntents(inner.records())).toHaveLength(1)
  })
})

describe('guard.authorize and guard.dryRun', () => {
  it('decide only; a refusal is recorded', async () => {
    const { guard, kinds } = setUp()
    expect(await guard.authorize(await containerOf())).toMatchObject({ allowed: true })
    expect(await guard.authorize('nonsense')).toMatchObject({ allowed: false })
    expect(kinds()).toEqual(['denied'])
  })

  it('GRD-03 release nothing to an ended handler, because the outcome is recorded [attack 74]', async () => {
    for (const begin of [post, (handled: GuardedCall) => handled.lease()]) {
      const { guard, kinds } = setUp({
        vault: memoryVault(
          { mail: { secret, origins: [upstream.origin], processor: bearer(), methods: ['POST'], leasable: true } },
          { clock },
        ),
      })
      const before = upstream.requests.length
      let kept: GuardedCall | undefined
      let unawaited: Promise<unknown> = Promise.resolve()
      await guard.use(await containerOf(), (handled) => {
        unawaited = begin(handled).catch((error: unknown) => error)
      })
      await guard.use(await containerOf(), (handled) => {
        kept = handled
      })
      expect(await unawaited).toMatchObject({ code: 'ERR_VAULT_UNAVAILABLE' })
      await expect(begin(kept as GuardedCall)).rejects.toMatchObject({ code: 'ERR_VAULT_UNAVAILABLE' })
      expect(kinds()).toEqual(['intent', 'outcome ok', 'intent', 'outcome ok'])
      expect(upstream.requests).toHaveLength(before)
    }
  })

  it('GRD-03 take back a lease that comes after the handler has ended, even if its revocation fails [attack 74]', async () => {
    for (const fails of [false, true]) {
      let give: (() => void) | undefined
      let ended = 0
      const inner = vaultOf()
      const late: Vault = {
        ...inner,
        lease: async (reference, { authorization }) => {
          const lease = await inner.lease(reference, { authorization })
          await new Promise<void>((resolve) => (give = resolve))
          const revoke = async (): Promise<void> => {
            ended += 1
            await lease.revoke()
            if (fails) throw new Error('away')
          }
          return { ...lease, revoke }
        },
      }
      const { guard } = setUp({ commands: [{ ...send, credential: 'key' }] as never, vault: late })
      let began: Promise<unknown> | undefined
      await guard.use(await containerOf(), (handled) => {
        began = handled.lease().catch((error: unknown) => error)
      })
      await until(() => give !== undefined)
      give?.()
      expect(await began).toBeInstanceOf(Error)
      expect(ended).toBe(1)
    }
  })

  it('report that a lease could not be given back', async () => {
    const failures: unknown[] = []
    const inner = vaultOf()
    const vault: Vault = {
      ...inner,
      lease: async (reference, options) => ({
        ...(await inner.lease(reference, options)),
        revoke: () => Promise.reject(new Error('away')),
      }),
    }
    const commands = [{ ...send, credential: 'key' }] as never
    const { guard, kinds } = setUp({ commands, vault, onError: (error) => void failures.push(error) })
    await guard.use(await containerOf(), (handled) => handled.lease().then(() => 1))
    expect([failures.length, kinds().at(-1)]).toEqual([1, 'outcome ok'])
  })

  it('GRD-03 send nothing for a handler that ended while the release was recorded [attack 74]', async () => {
    const memory = memoryAuditSink()
    const sink: AuditSink = {
      ...memory,
      append: async (event, options) => {
        if (event.kind === 'released') await new Promise((resolve) => setTimeout(resolve, 40))
        return memory.append(event, options)
      },
    }
    const { guard } = setUp({ audit: { sink } })
    const before = upstream.requests.length
    let unawaited: Promise<unknown> = Promise.resolve()
    await guard.use(await containerOf(), async (handled) => {
      unawaited = post(handled).catch((error: unknown) => error)
      await new Promise((resolve) => setTimeout(resolve, 15))
    })
    expect(await unawaited).toMatchObject({ code: 'ERR_VAULT_UNAVAILABLE' })
    expect(upstream.requests).toHaveLength(before)
  })

  it('record the ending of a call for any thrown value', async () => {
    const trap = (): never => {
      throw new Error('do not look')
    }
    const odd = Object.assign(new Error('odd'), { name: { toString: () => 'Odd' } })
    for (const thrown of [new Proxy({}, { get: trap, getPrototypeOf: trap }), odd, null, 'text', 7]) {
      const { guard, events } = setUp()
      await guard.use(await containerOf('/mail/read'), () => Promise.reject(thrown)).catch(() => undefined)
      expect(events().at(-1)).toMatchObject({ kind: 'outcome', status: 'error', code: 'Error' })
    }
  })

  it.each<[unknown, string]>([
    [Object.assign(new Error('odd'), { code: 'ECONNRESET' }), 'ECONNRESET'],
    [Object.assign(new Error('odd'), { code: 'a'.repeat(64) }), 'a'.repeat(64)],
    [{ code: 'E.mail-1_b' }, 'E.mail-1_b'],
    [new RangeError('odd'), 'RangeError'],
    // No text that may hold a secret: the code of the record is a word.
    [Object.assign(new Error('odd'), { code: `Bearer ${secret}` }), 'Error'],
    [Object.assign(new TypeError('odd'), { code: `key=${secret}` }), 'TypeError'],
    [Object.assign(new Error('odd'), { code: 'a'.repeat(65) }), 'Error'],
    [Object.assign(new Error('odd'), { code: '' }), 'Error'],
    [Object.assign(new Error('odd'), { code: 7 }), 'Error'],
    [Object.assign(new Error('odd'), { name: `Failed with ${secret}` }), 'Error'],
    [Object.assign(new Error('odd'), { name: 'a'.repeat(65) }), 'Error'],
    [{ name: 'NoError' }, 'Error'],
  ])(
    'record a code or a name of a thrown value that is one word of at most 64 characters (%#)',
    async (thrown, code) => {
      const { guard, events } = setUp()
      const used = guard.use(await containerOf('/mail/read'), () => Promise.reject(thrown))
      await expect(used).rejects.toBe(thrown)
      expect(events().at(-1)).toMatchObject({ kind: 'outcome', status: 'error', code })
      expect(JSON.stringify(events())).not.toContain(secret)
    },
  )

  it('add no listeners to signals, for any number of running calls [attack 86]', async () => {
    const { guard } = setUp({ commands: [read] as GuardOptions['commands'] })
    const warnings: Error[] = []
    const warn = (warning: Error): number => warnings.push(warning)
    process.on('warning', warn)
    const caller = new AbortController()
    const containers = await Promise.all(Array.from({ length: 30 }, () => containerOf('/mail/read')))
    const wait = () => new Promise((resolve) => setTimeout(resolve, 20))
    const ended = await Promise.all(
      containers.map((container, index) => guard.use(container, wait, index === 0 ? { signal: caller.signal } : {})),
    )
    expect(ended.every(({ allowed }) => allowed)).toBe(true)
    process.off('warning', warn)
    expect(warnings).toEqual([])
  })

  it('GRD-08 make dry runs whose authorization cannot be used [attack 74]', async () => {
    const { guard } = setUp()
    const decision = await guard.dryRun(await containerOf())
    expect(decision.allowed && decision.authorization.consumed).toBe(true)
    expect(() => decision.allowed && decision.authorization.consume(now)).toThrow(AuthorizationError)
  })

  it('require a handler before anything is consumed', async () => {
    const { guard, kinds } = setUp()
    const container = await containerOf()
    await expect(guard.use(container, undefined as never)).rejects.toThrow(ArgumentError)
    expect(kinds()).toEqual([])
    expect(await guard.use(container, post)).toMatchObject({ allowed: true })
  })

  it('GRD-08 record a dry run with its mode, and consume nothing', async () => {
    const { guard, events } = setUp()
    const container = await containerOf()
    for (let index = 0; index < 2; index++) expect(await guard.dryRun(container)).toMatchObject({ allowed: true })
    expect(await guard.dryRun('nonsense')).toMatchObject({ allowed: false })
    expect(events().map(({ kind, mode }) => `${kind} ${mode}`)).toEqual([
      'intent shadow',
      'outcome shadow',
      'intent shadow',
      'outcome shadow',
      'denied shadow',
    ])
    expect(await guard.use(container, post)).toMatchObject({ allowed: true })
  })
})

describe('a dry run and a use', () => {
  it('PRF-13 GRD-08 remember delegations for each other', async () => {
    for (const isDryFirst of [false, true]) {
      const { guard } = setUp({ rememberProofs: true })
      const use = (container: string) => guard.use(container, () => 'read')
      const [first, second] = isDryFirst ? [guard.dryRun, use] : [use, guard.dryRun]
      const alone = encodeContainer([await call({ issuer: bob, proofs, command: '/mail/read' })])
      expect(await second(alone)).toMatchObject({ denial: { code: 'proof_missing' } })
      expect(await first(await containerOf('/mail/read'))).toMatchObject({ allowed: true })
      expect(await second(alone)).toMatchObject({ allowed: true })
    }
  })
})

describe('the records of a guard', () => {
  it('contain neither names nor arguments that are not on a list', async () => {
    const key = crypto.getRandomValues(new Uint8Array(32))
    const keys = memoryPersonalKeyStore()
    const sink = memoryAuditSink()
    const { guard } = setUp({
      commands: [{ ...draft, credential: 'mail', personal: ['to'] }] as GuardOptions['commands'],
      audit: {
        sink,
        argumentKey: key,
        pseudonymize: createPseudonymizer({ key, epoch: '2026-11' }),
        personalKeys: keys,
      },
    })
    await guard.use(await containerOf('/mail/draft', { to: 'ann@example.com', note: 'private words' }), post)
    await guard.use(await containerOf('/mail/draft', { to: 7 }), post)
    const text = [...sink.lines()].join('\n')
    for (const hidden of [alice.did, bob.did, 'ann@example.com', 'private words', secret])
      expect(text).not.toContain(hidden)
    const [intent] = sink.records()
    if (intent?.event.kind !== 'intent') throw new Error('no intent')
    expect(intent.event.argsHash).toMatch(/^sha-256:/)
    expect(await openPersonal(intent.event, { keys })).toEqual({ to: 'ann@example.com' })
    keys.destroy(intent.event.subject as string)
    expect(await openPersonal(intent.event, { keys })).toBeUndefined()
    expect(await verifyAuditLog(sink.lines())).toMatchObject({ valid: true })
  })

  it('PRV-04 have nothing encrypted, and use no key, for a command without personal arguments', async () => {
    const sink = memoryAuditSink()
    const keys = memoryPersonalKeyStore()
    const { guard } = setUp({ audit: { sink, personalKeys: keys } })
    expect(await guard.use(await containerOf(), post)).toMatchObject({ allowed: true })
    const events = sink.records().map(({ event }) => event)
    expect(events.map(({ kind }) => kind)).toContain('intent')
    for (const event of events) expect(event).not.toHaveProperty('personal')
    expect(await keys.find(alice.did, {})).toBeUndefined()
  })

  it('of refused calls do not grow with their number [attack 81]', async () => {
    const sink = memoryAuditSink()
    const { guard } = setUp({ audit: { sink, denials: { unauthenticated: 3 } } })
    for (let index = 0; index < 200; index++) await guard.use('nonsense', post)
    expect([...sink.records()].length).toBe(3)
    await guard.use(await containerOf('/mail/read'), () => 1)
    expect([...sink.records()].length).toBe(5)
  })
})

describe('monitoring', () => {
  it('receives spans and events, and can neither change nor break a call', async () => {
    const spans: { readonly name: string; readonly attributes: Record<string, unknown>; ended: boolean }[] = []
    const seen: GuardEvent[] = []
    const tracer = {
      startSpan: (name: string) => {
        const span = { name, attributes: {} as Record<string, unknown>, ended: false }
        spans.push(span)
        return {
          setAttribute: (attribute: string, value: unknown) => {
            span.attributes[attribute] = value
            throw new Error('x')
          },
          end: () => {
            span.ended = true
            throw new Error('x')
          },
        }
      },
    }
    const { guard } = setUp({
      tracer,
      onEvent: (event) => {
        seen.push(event)
        throw new Error('x')
      },
    })
    expect(await guard.use(await containerOf(), post)).toMatchObject({ allowed: true, value: 200 })
    expect(await guard.use('nonsense', post)).toMatchObject({ allowed: false })
    const tool = { 'gen_ai.tool.name': '/mail/send' }
    expect(spans).toEqual([
      { name: 'ucan.verify', attributes: tool, ended: true },
      { name: 'audit.intent', attributes: tool, ended: true },
      { name: 'vault.lease', attributes: tool, ended: true },
      { name: 'audit.outcome', attributes: tool, ended: true },
      { name: 'ucan.verify', attributes: { 'error.type': 'unsupported' }, ended: true },
    ])
    expect(seen.map(({ name }) => name)).toEqual(['decided', 'released', 'finished', 'decided'])
    expect(JSON.stringify(seen)).not.toContain('example.com')
  })
})

describe('createGuard', () => {
  it('GRD-09 detects mistakes that would fail at the first call', () => {
    const mistakes: [RegExp, Partial<GuardOptions>][] = [
      [/`vault` is missing/, { vault: undefined as never }],
      [
        /the `credential` of `\/mail\/send` does not name a credential of the vault: it has/,
        { commands: [{ ...send, credential: 'elsewhere' }] as never },
      ],
      [
        /the `credential` of `\/mail\/send` does not name a credential of the vault: it has/,
        {
          commands: [
            {
              ...send,
              credential: referenceTable([
                { command: '/mail', subject: alice.did, reference: 'mail' },
                { command: '/mail', reference: 'nowhere' },
              ]),
            },
          ] as never,
        },
      ],
      [/made by referenceTable/, { commands: [{ ...send, credential: 7 }] as never }],
      [/`vault` is missing/, { vault: undefined as never, commands: [{ ...send, credential: () => 'mail' }] as never }],
      [/`requests` must be an integer >= 1/, { commands: [{ ...send, requests: 0 }] as never }],
      [/`audit`: `sink`/, { audit: undefined as never }],
      [/`audit`: `sink`/, { audit: {} as never }],
      [/personalKeys/, { commands: [{ ...send, personal: ['to'] }] as never }],
      [
        /`show` names an unknown argument; did you mean `to`\? it has `to`/,
        { commands: [{ ...send, show: ['too'] }] as never },
      ],
      [
        /`show` names an unknown argument; did you mean `to`/,
        { commands: [{ ...send, show: ['to.host', 'too.host'] }] as never },
      ],
      [/`personal` names an unknown argument; it has none/, { commands: [{ ...read, personal: ['to'] }] as never }],
      [/`sink` is a promise; await it/, { audit: { sink: Promise.resolve() as never } }],
      [/`vault` is a promise; await it/, { vault: Promise.resolve() as never }],
      [/commands/, { commands: undefined as never }],
      [/maxInFlight/, { maxInFlight: 0 }],
      [/handlerMs/, { deadlines: { handlerMs: Number.NaN } }],
      [/subjects/, { subjects: undefined as never }],
    ]
    for (const [message, change] of mistakes) {
      expect(() => setUp(change), String(message)).toThrow(ArgumentError)
      expect(() => setUp(change)).toThrow(message)
    }
  })

  it('leads to a clear error when a handler uses a credential that its command lacks', async () => {
    const { guard } = setUp()
    await expect(guard.use(await containerOf('/mail/read'), post)).rejects.toThrow(/has no `credential`/)
  })
})

describe('a receipt for a value that cannot be encoded', () => {
  const thrower = (): never => {
    throw new Error('not inspected')
  }
  const itself: unknown[] = []
  itself.push(itself)
  const values: Readonly<Record<string, unknown>> = {
    'a getter that throws': Object.defineProperty({}, 'text', { get: thrower, enumerable: true }),
    'a proxy that throws': new Proxy({}, { ownKeys: thrower, getPrototypeOf: thrower }),
    'a list that contains itself': itself,
    'a symbol': Symbol('a'),
    'a function': () => 1,
  }

  it.each(Object.entries(values))('GRD-07 is signed without a hash: %s', async (_, value) => {
    const failures: unknown[] = []
    const { guard } = setUp({ receipts: service, onError: (error) => void failures.push(error) })
    const result = await guard.use(await containerOf('/mail/read'), () => value)
    expect(result.allowed && result.receipt?.outcome).toEqual({ ok: { hash: null } })
    expect(failures).toEqual([])
  })
})
