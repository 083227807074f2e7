import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { AuditSink } from '../../src/audit/sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import type { GuardedCall } from '../../src/guard/call.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { createVault } from '../../src/vault/create-vault.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { Secret } from '../../src/vault/secret.ts'
import type { SecretReading, SecretSource } from '../../src/vault/source.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { actor, clock, now } from '../support/actors.ts'
import { guardOptionsFor } from '../support/guard.ts'
import { call, chainOf, service } from '../support/service.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

const secret = 'canary-3a9f51d7b6e0'
const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { to: z.string() } })
const hang = (): Promise<never> => new Promise(() => undefined)
const slow = defineCommand({
  command: '/mail/send',
  args: { to: { '~standard': { version: 1, vendor: 'test', validate: hang } } },
})
let upstream: Upstream

beforeAll(async () => {
  upstream = await startUpstream(secret)
})
afterAll(() => upstream.close())

/** How a call ends when one of its dependencies hangs, and how many requests reached the upstream. */
type Hanging = readonly [
  what: string,
  change: (sink: AuditSink) => Partial<GuardOptions>,
  ending: string,
  reached: number,
  handler?: (handled: GuardedCall) => Promise<unknown>,
]

function vaultOf(change: Partial<SecretSource> = {}, reading: Partial<SecretReading> = {}) {
  const source: SecretSource = {
    name: 'test',
    read: async (reference) => ({
      reference,
      secret: new Secret(secret),
      version: '1',
      kind: 'static',
      downscoped: false,
      readAt: now,
      ...reading,
    }),
    ...change,
  }
  const mail = { origins: [upstream.origin], processor: bearer(), leasable: true }
  return createVault({ source, credentials: { mail }, clock, readTimeoutMs: 300, upstreamTimeoutMs: 300 })
}

const lease = async (handled: GuardedCall): Promise<string> => {
  await handled.lease()
  return 'leased'
}
const cases: readonly Hanging[] = [
  ['the revocation store', () => ({ revocations: { findRevocations: hang } }), 'deadline_exceeded', 0],
  ['the replay store', () => ({ replay: { claim: hang } }), 'deadline_exceeded', 0],
  [
    'the schema of the arguments',
    () => ({ commands: [{ ...slow, credential: 'mail' }] as never }),
    'deadline_exceeded',
    0,
  ],
  ['the sink', (sink) => ({ audit: { sink: { ...sink, append: hang }, deadlineMs: 300 } }), 'audit_unavailable', 0],
  [
    'the maker of pseudonyms',
    (sink) => ({ audit: { sink, deadlineMs: 300, pseudonymize: hang } }),
    'audit_unavailable',
    0,
  ],
  [
    'the store of personal keys',
    (sink) => ({
      commands: [{ ...send, credential: 'mail', personal: ['to'] }] as never,
      audit: { sink, deadlineMs: 300, personalKeys: { obtain: hang, find: hang } },
    }),
    'audit_unavailable',
    0,
  ],
  [
    'the sink, at the release',
    (sink) => ({
      audit: {
        sink: {
          ...sink,
          append: (event, options) => (event.kind === 'released' ? hang() : sink.append(event, options)),
        },
        deadlineMs: 300,
      },
    }),
    'audit_unavailable',
    0,
  ],
  [
    'the sink, at the outcome',
    (sink) => ({
      audit: {
        sink: {
          ...sink,
          append: (event, options) => (event.kind === 'outcome' ? hang() : sink.append(event, options)),
        },
        deadlineMs: 300,
      },
    }),
    'done, not recorded',
    1,
  ],
  ['the store of secrets', () => ({ vault: vaultOf({ read: hang }) }), 'ERR_VAULT_UNAVAILABLE', 0],
  [
    'the revocation store, when it is asked again',
    () => {
      let asked = 0
      return { revocations: { findRevocations: () => (asked++ === 0 ? [] : hang()) }, deadlines: { handlerMs: 300 } }
    },
    'DeadlineError',
    0,
  ],
  [
    'the origin of a secret that is given back',
    () => ({ vault: vaultOf({ perCall: () => true }, { kind: 'dynamic', revoke: hang }) }),
    'done',
    0,
    lease,
  ],
  [
    'a vault of another make, when a lease is given back to it',
    () => {
      const inner = vaultOf()
      const vault: Vault = {
        ...inner,
        lease: async (name, options) => ({ ...(await inner.lease(name, options)), revoke: hang }),
      }
      return { vault, deadlines: { handlerMs: 300 } }
    },
    'done',
    0,
    lease,
  ],
  [
    'the signer of receipts',
    () => ({ receipts: { ...service, sign: hang }, deadlines: { receiptMs: 300 } }),
    'done',
    1,
  ],
  ['the upstream', () => ({}), 'ERR_VAULT_UPSTREAM', 0, (handled) => handled.fetch(`${upstream.origin}/hang`)],
  ['the handler', () => ({ deadlines: { handlerMs: 300 } }), 'DeadlineError', 0, hang],
]

describe('a guard', () => {
  for (const [what, change, ending, reached, handler] of cases) {
    it(`GRD-04 ends each call when ${what} hangs, and closes [attack 82]`, async () => {
      const sink = memoryAuditSink()
      const changed = change(sink)
      const guard = createGuard({
        ...guardOptionsFor(alice, { ...send, credential: 'mail' }),
        vault: vaultOf(),
        audit: { sink },
        ...changed,
        deadlines: { decisionMs: 300, ...changed.deadlines },
      })
      const invocation = await call({ issuer: bob, proofs, args: { to: 'ann@example.com' } })
      const [before, began] = [upstream.requests.length, performance.now()]
      const post = (handled: GuardedCall): Promise<unknown> => handled.fetch(`${upstream.origin}/send`)
      const found = await guard.use(encodeContainer([invocation, ...proofs]), handler ?? post).then(
        (result) => (result.allowed ? (result.recorded ? 'done' : 'done, not recorded') : result.denial.code),
        (error: Error & { readonly code?: string }) => error.code ?? error.constructor.name,
      )
      expect(found).toBe(ending)
      if (reached > 0) expect(upstream.requests.length - before).toBe(reached)
      await guard.close()
      expect(performance.now() - began).toBeLessThan(2_000)
    })
  }

  it.each<[string, () => Partial<GuardOptions>, (handled: GuardedCall) => unknown, string]>([
    [
      'a handler',
      () => ({}),
      hang,
      'the handler timed out after 50 ms; raise `deadlines.handlerMs` if it needs longer',
    ],
    [
      'the return of a lease',
      () => ({ vault: vaultOf({ perCall: () => true }, { kind: 'dynamic', revoke: hang }) }),
      lease,
      'the return of a lease timed out after 50 ms; raise `deadlines.handlerMs` if it needs longer',
    ],
    [
      'the signer of receipts',
      () => ({ receipts: { ...service, sign: hang } }),
      () => 'done',
      'the signature of a receipt timed out after 50 ms; raise `deadlines.receiptMs` if it needs longer',
    ],
  ])('GRD-04 names the work that did not end in time, and its limit: %s', async (_what, change, handler, message) => {
    const errors: unknown[] = []
    const guard = createGuard({
      ...guardOptionsFor(alice, { ...send, credential: 'mail' }),
      vault: vaultOf(),
      audit: { sink: memoryAuditSink() },
      deadlines: { handlerMs: 50, receiptMs: 50 },
      onError: (error) => errors.push(error),
      ...change(),
    })
    const invocation = await call({ issuer: bob, proofs, args: { to: 'ann@example.com' } })
    await guard.use(encodeContainer([invocation, ...proofs]), handler).catch((error) => errors.push(error))
    expect(errors.map(String)).toEqual([`Error: ${message}`])
    await guard.close()
  })

  it('GRD-06 reports a sink that does not close', async () => {
    const sink: AuditSink = { ...memoryAuditSink(), close: hang }
    const guard = createGuard({
      ...guardOptionsFor(alice, send),
      audit: { sink },
      deadlines: { closeMs: 50 },
    })
    await expect(guard.close()).rejects.toMatchObject({ code: 'ERR_AUDIT_DEADLINE' })
    await expect(guard[Symbol.asyncDispose]()).rejects.toMatchObject({ message: /did not close within 50 ms/ })
  })

  it('GRD-08 refuses an unrecordable dry run without throwing', async () => {
    const guard = createGuard({
      ...guardOptionsFor(alice, send),
      audit: { sink: { ...memoryAuditSink(), append: hang }, deadlineMs: 300 },
    })
    const invocation = await call({ issuer: bob, proofs, args: { to: 'ann@example.com' } })
    expect(await guard.dryRun(encodeContainer([invocation, ...proofs]))).toMatchObject({
      allowed: false,
      denial: { code: 'audit_unavailable' },
    })
  })
})
