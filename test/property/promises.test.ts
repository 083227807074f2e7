/**
 * A missing `await` is named as such, by every public function that takes a store, a sink, a vault, a signer, a
 * resolver or another part that can be made asynchronously.
 *
 * @module
 */
import { describe, expect, it } from 'vitest'
import { chainedSink } from '../../src/audit/chained-sink.ts'
import { allOf } from '../../src/audit/combine/all-of.ts'
import { anyOf } from '../../src/audit/combine/any-of.ts'
import { bestEffort } from '../../src/audit/combine/best-effort.ts'
import { withCheckpoints } from '../../src/audit/combine/with-checkpoints.ts'
import { withDeadline } from '../../src/audit/combine/with-deadline.ts'
import { withHealth } from '../../src/audit/combine/with-health.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { findProofs } from '../../src/core/proof/find-proofs.ts'
import { compositeResolver, fromDidResolver } from '../../src/entries/did.ts'
import { guardTools, relayTools, withInvocation } from '../../src/entries/mcp.ts'
import { ProcuraError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { fetchHandler } from '../../src/http/adapters/fetch.ts'
import { nodeHandler } from '../../src/http/adapters/node.ts'
import { on } from '../../src/service/on.ts'
import { createService } from '../../src/service/service.ts'
import { resilient } from '../../src/vault/resilience/resilient.ts'
import { guardOptions } from '../guard/wrong-options.ts'
import { readModules, root } from '../setup/entries.ts'
import { errorOf } from '../support/error-of.ts'
import { type OptionCall, optionCalls } from './option-calls.ts'
import { refusalOf } from './refusal-of.ts'

const files = readModules()
const told = 'is a promise; await it'
const later = Promise.resolve() as never

/** Names of options whose values are made by a function that may be asynchronous. */
const parts =
  /^(?:sink|audit|vault|source|archive|ledger|registry|replay|revocations|limitStore|callStore|store|journal|processed|personalKeys|keys|resolver|receipts|signer|issuer|executor|backend|guard|service|client|pool|database|login|receiver|sender|agent|clock|cache|subscriber|listener)$/

/** Options of such a name that take a value at hand. */
const others: ReadonlySet<string> = new Set([
  'operations prometheusMeter registry', // Of prom-client, which is passed on to it.
  'receipt verifyReceipt executor', // A DID.
])

describe('a promise in the place of a part', () => {
  for (const [entry, calls] of Object.entries(optionCalls)) {
    for (const [name, given] of Object.entries(calls)) {
      it(`is named by ${entry} ${name}`, async () => {
        const { known } = await refusalOf(entry, name, given, 'zzz')
        const exports = (await import(`${root}${files[entry]}`)) as Readonly<Record<string, unknown>>
        const make = exports[name.split(' ')[0] ?? ''] as (...args: readonly unknown[]) => unknown
        const call: OptionCall = typeof given === 'function' ? given : (options) => make(...given, options)
        for (const option of known) {
          if (!parts.test(option) || others.has(`${entry} ${name} ${option}`)) continue
          const error = await errorOf(() => call({ [option]: later } as never))
          expect.soft(String(error), option).toContain(`\`${option}\` ${told}`)
        }
      })
    }
  }

  const { commands: _, ledger: __, ...rest } = guardOptions()
  const handlers = [on(defineCommand({ command: '/a', args: {} }), () => 1)]
  const sink = memoryAuditSink()
  const named: Readonly<Record<string, () => unknown>> = {
    'sink of createGuard': () => createGuard({ ...guardOptions(), audit: { sink: later } }),
    'sink of createService': () => createService({ ...rest, handlers, audit: { sink: later } }),
    'resources of createService': () => createService({ ...rest, handlers, resources: [later] }),
    'sink of withHealth': () => withHealth(later),
    'sink of withDeadline': () => withDeadline(later),
    'sink of withCheckpoints': () => withCheckpoints(later, {} as never),
    'sink of bestEffort': () => bestEffort(later, {} as never),
    'sinks of allOf': () => allOf([sink, later]),
    'sinks of anyOf': () => anyOf([sink, later], {} as never),
    'writer of chainedSink': () => chainedSink(later),
    'service of nodeHandler': () => nodeHandler(later),
    'service of fetchHandler': () => fetchHandler(later),
    'guard of guardTools': () => guardTools({} as never, later, {} as never),
    'guard of relayTools': () => relayTools({} as never, later, {} as never),
    'agent of withInvocation': () => withInvocation({ send: () => undefined } as never, later, {} as never),
    'source of resilient': () => resilient(later),
    'store of findProofs': () => findProofs(later, {} as never),
    'a of compositeResolver': () => compositeResolver({ a: later }),
    'resolver of fromDidResolver': () => fromDidResolver(later),
  }
  for (const [name, attempt] of Object.entries(named)) {
    it(`is named as the ${name}`, async () => {
      const error = await errorOf(attempt)
      expect(error).toBeInstanceOf(ProcuraError)
      expect(String(error)).toContain(told)
      expect(String(error)).toContain(`\`${name.split(' ')[0]}\``)
    })
  }
})
