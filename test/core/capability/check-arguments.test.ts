import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { integer, optional } from '../../../src/core/capability/argument-types/basic.ts'
import { email } from '../../../src/core/capability/argument-types/email.ts'
import { listOf } from '../../../src/core/capability/argument-types/list-of.ts'
import { type ArgumentObjection, checkArguments } from '../../../src/core/capability/check-arguments.ts'
import type { Command } from '../../../src/core/capability/command.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { objectionText } from '../../../src/core/capability/objection-text.ts'
import type { StandardSchema } from '../../../src/core/capability/standard-schema.ts'
import type { IpldMap } from '../../../src/core/ipld/value.ts'
import { ArgumentError } from '../../../src/errors.ts'

/** Checks one argument, `x`. */
const check = (schema: StandardSchema, args: IpldMap) =>
  checkArguments(defineCommand({ command: '/a', args: { x: schema } }), args)

/** The same for a definition that was made by hand, of which no schema was asked before. */
const checkByHand = (schema: StandardSchema, args: IpldMap) =>
  checkArguments({ command: '/a' as Command, args: { x: schema } }, args)

const reason = (objection: ArgumentObjection | undefined) => objection && `${objection.requirement} ${objection.reason}`

const later = <Output>(schema: StandardSchema<Output>): StandardSchema<Output> => ({
  '~standard': { ...schema['~standard'], validate: async (value) => schema['~standard'].validate(value) },
})

describe('checkArguments', () => {
  const definition = defineCommand({ command: '/mail/send', args: { to: email(), copies: optional(integer()) } })

  it('accepts what is declared', () => {
    expect(checkArguments(definition, { to: 'ann@example.com' })).toBeUndefined()
    expect(checkArguments(definition, { to: 'ann@example.com', copies: 2 })).toBeUndefined()
    expect(checkArguments(defineCommand({ command: '/a', args: {} }), {})).toBeUndefined()
  })

  it.each(['bcc', 'toString', 'constructor', 'hasOwnProperty', 'To', ''])(
    'ARG-01 refuses the undeclared argument %j [attack 42]',
    (name) => {
      const objection = checkArguments(definition, { to: 'ann@example.com', [name]: 'x' })
      expect(objection).toMatchObject({ argument: name, reason: 'undeclared', requirement: 'ARG-01' })
    },
  )

  it('ARG-01 is asked before any schema', () => {
    expect(checkArguments(definition, { to: 5, bcc: 'x' })).toMatchObject({ argument: 'bcc' })
  })

  it('ARG-02 refuses a missing argument', () => {
    const objection = checkArguments(definition, { copies: 1 })
    expect(objection).toEqual({
      argument: 'to',
      reason: 'missing',
      requirement: 'ARG-02',
    })
  })

  it('ARG-02 does not find what objects inherit', () => {
    const validate = (value: unknown) => (value === undefined ? { issues: [] } : { value })
    const schema = { '~standard': { version: 1, vendor: 'any', validate } } as const
    const inherited = defineCommand({ command: '/a', args: { toString: schema } })
    expect(checkArguments(inherited, {})).toMatchObject({ requirement: 'ARG-02' })
  })

  it('ARG-03 refuses what the schema refuses, and does not repeat it', () => {
    const objection = checkArguments(definition, { to: 'secret value' }) as ArgumentObjection
    expect(reason(objection)).toBe('ARG-03 invalid')
    expect(objectionText(objection)).toBe('argument `to` has no local part of 1 to 64 characters before an @')
  })

  it('ARG-05 keeps an absent argument absent, and takes no null for it', () => {
    expect(reason(checkArguments(definition, { to: 'ann@example.com', copies: null }) as ArgumentObjection)).toBe(
      'ARG-03 invalid',
    )
    expect(check(optional(z.number().default(5)), {})).toBeUndefined()
  })
})

describe('an argument that is absent', () => {
  const optionals: [string, StandardSchema][] = [
    ['z.optional', z.string().optional()],
    ['z.nullish', z.string().nullish()],
    ['z.unknown', z.unknown()],
    ['z.union with undefined', z.union([z.string(), z.undefined()])],
    ['v.optional', v.optional(v.string())],
    ['v.undefinedable', v.undefinedable(v.string())],
    ['an ArkType-like function', Object.assign(() => undefined, { '~standard': z.string().optional()['~standard'] })],
  ]
  const defaults: [string, StandardSchema][] = [
    ['z.default', z.number().default(3)],
    ['z.prefault', z.number().prefault(3)],
    ['z.catch', z.number().catch(3)],
    ['z.coerce', z.coerce.string()],
    ['z.preprocess', z.preprocess((value) => value ?? 'x', z.string())],
    ['v.optional with a default', v.optional(v.string(), 'x')],
    ['v.fallback', v.fallback(v.string(), 'x')],
    ['null for nothing', z.null().catch(null)],
  ]
  const required: [string, StandardSchema][] = [
    ['z.string', z.string()],
    ['z.nullable', z.string().nullable()],
    ['v.string', v.string()],
    ['v.nullable', v.nullable(v.string())],
    ['a type of ours', integer()],
    ['a list of optional things', listOf(z.string().optional())],
    [
      'one that throws',
      odd(() => {
        throw new Error('no')
      }),
    ],
    ['one that answers nothing', odd(() => undefined)],
    ['one that answers null', odd(() => null)],
    ['one that answers neither a value nor issues', odd(() => ({}))],
    [
      'one whose answer throws',
      odd(() => ({
        get value() {
          throw new Error('no')
        },
      })),
    ],
  ]

  it.each(optionals)('ARG-24 is optional by %s, and stays absent', async (_, schema) => {
    expect(defineCommand({ command: '/a', args: { x: schema } }).args.x).toMatchObject({ optional: true })
    expect(check(schema, {})).toBeUndefined()
    expect(check(schema, { x: 'text' })).toBeUndefined()
    expect(await check(later(schema), {})).toBeUndefined()
    expect(await check(later(schema), { x: 'text' })).toBeUndefined()
  })

  it.each(defaults)('ARG-24 cannot have a default by %s, which the definition refuses', async (_, schema) => {
    const message =
      'argument `x` of `/a` must not have a default, because no call is signed with it; use `optional` of procura/arguments'
    expect(() => check(schema, {})).toThrow(ArgumentError)
    expect(() => check(schema, {})).toThrow(message)
    expect(reason((await check(later(schema), {})) as ArgumentObjection)).toBe('ARG-02 missing')
    expect(check(optional(schema), {})).toBeUndefined()
    expect(check({ ...optional(schema) }, {})).toBeUndefined()
  })

  it.each(required)('ARG-02 is refused by %s', async (_, schema) => {
    expect(reason(check(schema, {}) as ArgumentObjection)).toBe('ARG-02 missing')
    expect(reason((await check(later(schema), {})) as ArgumentObjection)).toBe('ARG-02 missing')
  })

  it('ARG-24 is asked of a definition that was made by hand as well', () => {
    const made = { command: '/a' as Command, args: { x: z.string().optional(), y: z.number().default(3) } }
    expect(checkArguments(made, { y: 1 })).toBeUndefined()
    expect(checkArguments(made, {})).toMatchObject({ argument: 'y', requirement: 'ARG-02' })
  })

  it('ARG-24 leaves no unhandled rejection', async () => {
    const schema = odd(() => Promise.reject(new Error('down')))
    const definition = defineCommand({ command: '/a', args: { x: schema, y: z.string() } })
    expect(await checkArguments(definition, {})).toMatchObject({ argument: 'x', requirement: 'ARG-02' })
    await new Promise((done) => setImmediate(done))
  })

  it('ARG-24 goes on with the arguments behind one that is absent', async () => {
    const definition = defineCommand({ command: '/a', args: { x: later(z.string().optional()), y: z.number() } })
    expect(await checkArguments(definition, { y: 1 })).toBeUndefined()
    expect(await checkArguments(definition, { y: 'x' })).toMatchObject({ argument: 'y', requirement: 'ARG-03' })
    expect(await checkArguments(definition, {})).toMatchObject({ argument: 'y', requirement: 'ARG-02' })
  })
})

function odd(validate: (value: unknown) => unknown): StandardSchema {
  return { '~standard': { version: 1, vendor: 'odd', validate: validate as never } }
}

describe('schemas of others', () => {
  it('are asked, Zod', () => {
    expect(check(z.string().max(3), { x: 'abc' })).toBeUndefined()
    expect(reason(check(z.string().max(3), { x: 'abcd' }) as ArgumentObjection)).toBe('ARG-03 invalid')
    expect(check(z.object({ a: z.number() }), { x: { a: 1 } })).toBeUndefined()
    expect(check(z.array(z.enum(['a', 'b'])), { x: ['a', 'b', 'a'] })).toBeUndefined()
  })

  it('are asked, Valibot', () => {
    const schema = v.pipe(v.string(), v.maxLength(3))
    expect(check(schema, { x: 'abc' })).toBeUndefined()
    expect(reason(check(schema, { x: 'abcd' }) as ArgumentObjection)).toBe('ARG-03 invalid')
  })

  it.each<[string, StandardSchema, unknown]>([
    ['trims', z.string().trim(), ' a '],
    ['changes case', z.string().toLowerCase(), 'A'],
    ['coerces', z.coerce.number(), '5'],
    ['makes a date', z.coerce.date(), '2026-01-01'],
    ['strips an unknown key', z.object({ a: z.number() }), { a: 1, b: 2 }],
    ['adds a default within', z.object({ a: z.number().default(1) }), {}],
    ['transforms', v.pipe(v.string(), v.transform(Number)), '5'],
    ['changes an element', listOf(z.string().trim()), ['a', ' b ']],
    ['replaces a map by an instance', z.custom().transform(() => new Date(0)), {}],
    ['replaces a map by a list', z.custom().transform(() => []), {}],
    ['gives nothing back', z.custom().transform(() => undefined), 'a'],
  ])('ARG-04 are refused when they change the value: one that %s [attack 8]', (_, schema, x) => {
    expect(reason(checkByHand(schema, { x } as IpldMap) as ArgumentObjection)).toBe('ARG-04 transformed')
  })

  it('ARG-04 are taken when what they give back is the same in another object', () => {
    const bytes = new Uint8Array([1, 2])
    const copies = z.custom<Uint8Array>().transform((value) => value.slice())
    expect(check(copies, { x: bytes })).toBeUndefined()
    expect(check(z.record(z.string(), z.number()), { x: Object.assign(Object.create(null), { a: 1 }) })).toBeUndefined()
  })

  it('ARG-08 are not accepted when what they answer fails when it is read', async () => {
    const fail = (): never => {
      throw new Error('failed')
    }
    const hostile = new Proxy({}, { get: (_, name) => (name === 'then' ? undefined : fail()) })
    // biome-ignore lint/suspicious/noThenProperty: what waits for it is what is tested
    const thenables = [{ then: fail }, { then: (resolve: (value: unknown) => void) => resolve(undefined) }]
    const answers = [hostile, { issues: hostile }, { issues: [hostile] }, { value: hostile }, ...thenables]
    for (const [at, answer] of answers.entries()) {
      const objection = await checkByHand(
        schemaThat(() => answer as never),
        { x: ['a'] },
      )
      expect(reason(objection as ArgumentObjection), String(at)).toMatch(/^ARG-0[34]/)
    }
  })

  it('ARG-03 are not repeated about text, which they may quote', () => {
    const echo = schemaThat((value: unknown) => ({ issues: [{ message: `received ${String(value)}` }] }))
    const message = (x: unknown) => objectionText(check(echo, { x } as IpldMap) as ArgumentObjection)
    expect(message('secret')).toBe('argument `x` does not match its schema')
    expect(message(['secret'])).toBe('argument `x` does not match its schema')
    expect(message(5)).toBe('argument `x` received 5')
    const list = (x: unknown) => objectionText(check(listOf(echo), { x } as IpldMap) as ArgumentObjection)
    expect(list(['secret'])).toBe('argument `x` has an element (0) that does not match its schema')
    expect(list([5])).toBe('argument `x` has an element (0) that received 5')
    const nested = check(listOf(listOf(echo)), { x: [['secret']] } as IpldMap) as ArgumentObjection
    expect(objectionText(nested)).not.toContain('secret')
  })

  it('ARG-06 may answer later', async () => {
    const answer = check(later(email()), { x: 'ann@example.com' })
    expect(answer).toBeInstanceOf(Promise)
    expect(await answer).toBeUndefined()
    expect(reason(await check(later(email()), { x: 'ann' }))).toBe('ARG-03 invalid')
    expect(reason(await check(later(z.string().trim()), { x: ' a' }))).toBe('ARG-04 transformed')
    expect(await check(listOf(later(email())), { x: ['a@example.com', 'b@example.com'] })).toBeUndefined()
    expect(reason(await check(listOf(later(email())), { x: ['a@example.com', 'b'] }))).toBe('ARG-03 invalid')
  })

  it('ARG-06 are asked one after the other, in the order of declaration', async () => {
    const asked: string[] = []
    const schema = (name: string, ok: boolean): StandardSchema => ({
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value) => {
          if (value !== undefined) asked.push(name)
          return ok ? { value } : { issues: [] }
        },
      },
    })
    const definition = defineCommand({
      command: '/a',
      args: { first: schema('first', true), second: schema('second', false), third: schema('third', true) },
    })
    const objection = await checkArguments(definition, { third: 1, second: 1, first: 1 })
    expect(objectionText(objection as ArgumentObjection)).toBe('argument `second` does not match its schema')
    expect(asked).toEqual(['first', 'second'])
  })

  it.each<[string, StandardSchema]>([
    ['throws', schemaThat(() => raise())],
    ['rejects', schemaThat(() => reject())],
    ['gives nothing', schemaThat(() => undefined)],
    ['resolves to nothing', schemaThat(() => Promise.resolve(undefined))],
    ['throws for one element after it promised for another', listOf(schemaThat((n) => (n === 2 ? raise() : reject())))],
    ['gives nothing for one element', listOf(schemaThat((n) => (n === 2 ? undefined : reject())))],
  ])('ARG-08 have refused when they fail: one that %s', async (_, schema) => {
    // An unhandled rejection would end the process, and fails the test run.
    for (const x of [1, [1, 2], [1]]) {
      const objection = await check(schema, { x })
      expect(reason(objection)).toBe('ARG-03 invalid')
      expect(objectionText(objection as ArgumentObjection)).not.toContain('secret')
    }
  })
})

function schemaThat(validate: (value: unknown) => unknown): StandardSchema {
  return { '~standard': { version: 1, vendor: 'test', validate: validate as never } }
}

function reject(): Promise<never> {
  return Promise.reject(new Error('secret of a schema'))
}

function raise(): never {
  throw new Error('secret of a schema')
}
