import { describe, expect, it } from 'vitest'
import { allOf } from '../../src/audit/combine/all-of.ts'
import { withDeadline } from '../../src/audit/combine/with-deadline.ts'
import { withHealth } from '../../src/audit/combine/with-health.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { ProcuraError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { on } from '../../src/service/on.ts'
import { createService } from '../../src/service/service.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import { type OptionKind, type Options, optionRows } from './option-rows.ts'
import { canary, faultOf, guardOptions, makeFolder } from './wrong-options.ts'

makeFolder()

/** Values that are invalid for each kind. */
const wrongOf = {
  text: [null, 7, '', {}, []],
  callback: [null, 7, 'x', {}],
  flag: [null, 'yes', 1],
  whole: [null, '5', -1, 1.5, Number.NaN, {}],
  number: [null, '5', -1, Number.NaN, {}],
  milliseconds: [null, '5', -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, {}],
  object: [null, 7, canary, []],
  list: [null, 7, 'x', {}, [7], [null]],
  iterable: [null, 7, {}],
  secret: [null, 7, '', [], {}, { a: 7 }, new Uint8Array(0)],
} as const satisfies Readonly<Record<OptionKind, readonly unknown[]>>

describe('a function with invalid options', () => {
  for (const [name, [make, valid, kinds]] of Object.entries(optionRows)) {
    it(`GRD-09 ${name} names the invalid option at once, with the valid values`, async () => {
      const build = (change: Options) =>
        faultOf(() => (make as (options: Options) => unknown)({ ...valid(), ...change }))
      expect(await build({})).toBeUndefined()
      for (const [marked, kind] of Object.entries(kinds)) {
        const option = marked.replace('!', '')
        const values = marked.endsWith('!') ? [undefined, ...wrongOf[kind]] : wrongOf[kind]
        for (const value of values) {
          const error = await build({ [option]: value })
          const what = `${option}: ${String(value)}`
          expect(error, what).toBeInstanceOf(ProcuraError)
          const { code, message } = error as ProcuraError
          expect(code, what).toMatch(/^ERR_(?:INVALID_ARGUMENT|VAULT_CONFIGURATION|AUDIT_CONFIGURATION)$/)
          expect(message, what).toMatch(new RegExp(`\`(?:[a-zA-Z]+\\.)?${option}(?:\\[\\d+\\])?\``))
          expect(message, what).not.toContain(canary)
        }
      }
    })
  }
})

describe('a sink without a name, or without a way to close it', () => {
  const broken = {
    'no name': [{ name: undefined }, /`sink` must have a `name`/],
    'an empty name': [{ name: '' }, /`sink` must have a `name`/],
    'a name that is not a string': [{ name: 7 }, /`sink` must have a `name`/],
    'no close': [{ close: undefined }, /`sink` must be an object with a method `close`/],
  } as const
  for (const [what, [change, message]] of Object.entries(broken)) {
    it(`GRD-09 is refused at once, not when the guard closes: ${what}`, () => {
      const sink = { ...memoryAuditSink(), ...change } as never
      expect(() => createGuard({ ...guardOptions(), audit: { sink } })).toThrow(message)
      for (const wrap of [withDeadline, withHealth]) expect(() => wrap(sink)).toThrow(message)
      expect(() => allOf([sink])).toThrow(message.source.includes('name') ? /must have a `name`/ : /method `close`/)
    })
  }
})

describe('a message about something that a newcomer leaves out', () => {
  const { audit: _, revocations: __, replay: ___, ...rest } = guardOptions()
  const audit = { sink: memoryAuditSink() }
  const faults: readonly (readonly [object, RegExp])[] = [
    [{ ...guardOptions(), audit: undefined }, /`sink` must be an object .*such as memoryAuditSink\(\)/],
    [{ ...guardOptions(), audit: {} }, /`sink` must be an object .*such as memoryAuditSink\(\)/],
    [{ ...guardOptions(), audit: memoryAuditSink() }, /`audit: \{ sink \}`/],
    [{ ...rest, audit }, /`revocations` must .*`\.\.\.memoryStores\(\)` \(`procura\/store\/memory`\)/],
  ]
  it.each(faults)('names what to pass %#', (options, message) => {
    expect(() => createGuard(options as never)).toThrow(message)
  })

  it('does so for a service as well', () => {
    const { commands, ...service } = guardOptions()
    const handlers = (commands as never[]).map((one) => on(one, () => 'done'))
    for (const [audit, message] of [
      [undefined, /`audit: \{ sink \}`/],
      [memoryAuditSink(), /`audit: \{ sink \}`/],
      [{}, /`sink`, such as memoryAuditSink\(\)/],
    ] as const)
      expect(() => createService({ ...service, audit, handlers } as never)).toThrow(message)
  })

  it('does so for a database', () => {
    for (const database of [undefined, 'stores.db', {}])
      expect(() => sqliteStores({ database, secret: new Uint8Array(32) } as never)).toThrow(
        /new Database\('stores\.db'\)/,
      )
  })
})
