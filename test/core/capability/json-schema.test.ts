import type { StandardJSONSchemaV1 } from '@standard-schema/spec'
import * as valibot from 'valibot'
import { describe, expect, it } from 'vitest'
import * as zod from 'zod'
import { argumentsSchema } from '../../../src/core/capability/argument-types/arguments-schema.ts'
import {
  boolean,
  bytes,
  integer,
  number,
  oneOf,
  optional,
  text,
} from '../../../src/core/capability/argument-types/basic.ts'
import { email } from '../../../src/core/capability/argument-types/email.ts'
import { hostName } from '../../../src/core/capability/argument-types/host-name.ts'
import { ipAddress } from '../../../src/core/capability/argument-types/ip-address.ts'
import { listOf } from '../../../src/core/capability/argument-types/list-of.ts'
import { oneLine } from '../../../src/core/capability/argument-types/one-line.ts'
import { path } from '../../../src/core/capability/argument-types/path.ts'
import { segment } from '../../../src/core/capability/argument-types/segment.ts'
import { shellWord } from '../../../src/core/capability/argument-types/shell-word.ts'
import { url } from '../../../src/core/capability/argument-types/url.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { ArgumentError } from '../../../src/errors.ts'

const target = 'draft-2020-12'
/** Fits the interface of the Standard Schema project, by its types. */
const jsonOf = (schema: StandardJSONSchemaV1): Record<string, unknown> =>
  schema['~standard'].jsonSchema.input({ target })

/** Each type, values that it accepts, and values that its JSON Schema refuses. */
const types: readonly (readonly [string, StandardJSONSchemaV1, readonly unknown[], readonly unknown[]])[] = [
  ['text', text({ minLength: 1, maxLength: 3 }), ['a', '😀', 'abc'], ['', 'abcd', 1]],
  ['number', number({ min: 0.5, max: 2 }), [0.5, 1, 2], [0, 2.5, '1']],
  ['number without bounds', number(), [-1e300, 1e300], ['1', null]],
  ['integer', integer({ max: 5 }), [-7, 0, 5], [6, 0.5]],
  ['integer without bounds', integer(), [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER], [0.5]],
  ['boolean', boolean(), [true, false], [0, 'true']],
  ['oneOf strings', oneOf(['a', 'b']), ['a', 'b'], ['c', 1]],
  ['oneOf values', oneOf(['a', 1, true, null]), ['a', 1, true, null], ['b', 2, false]],
  ['listOf', listOf(integer(), { minLength: 1, maxLength: 2 }), [[1], [1, 2]], [[], [1, 2, 3], ['a'], 1]],
  ['email', email(), ['a.b+c@mail.example.com'], [1]],
  ['hostName', hostName(), ['a-b.example.com'], [1]],
  ['ipAddress', ipAddress(), ['10.0.0.1', '2001:db8::1'], [1]],
  ['ipAddress 4', ipAddress({ version: 4 }), ['10.0.0.1'], [1]],
  ['path', path(), ['/', '/a/b c'], ['a', '', 1]],
  ['oneLine', oneLine({ maxLength: 9 }), ['', 'a title'], [1, 'a longer title']],
  ['segment', segment(), ['a.b', '..a', 'A_1~'], ['', '..', '.', 'a/b', 'a b', '%2e', 1]],
  ['shellWord', shellWord(), ['a-b', '/usr/bin', '--x'.slice(2)], ['-a', 'a b', '$x', '']],
  ['url', url(), ['https://example.com/a?b=c'], [1]],
]

describe('ARG-25 argument types give JSON Schema', () => {
  it.each(types)('%s: it accepts what the type accepts', async (_, type, accepted, refused) => {
    const reader = zod.fromJSONSchema(jsonOf(type) as never)
    const { validate } = type['~standard'] as unknown as { validate: (value: unknown) => { issues?: unknown } }
    for (const value of accepted) {
      expect.soft(validate(value).issues, JSON.stringify(value)).toBeUndefined()
      expect.soft(reader.safeParse(value).success, JSON.stringify(value)).toBe(true)
    }
    for (const value of refused) {
      expect.soft(validate(value).issues, JSON.stringify(value)).toBeDefined()
      expect.soft(reader.safeParse(value).success, JSON.stringify(value)).toBe(false)
    }
  })

  it('of three targets, a new object each time', () => {
    const { jsonSchema } = text()['~standard']
    for (const target of ['draft-2020-12', 'draft-07', 'openapi-3.0'] as const) {
      expect(jsonSchema.input({ target })).toEqual({ type: 'string', maxLength: 65_536 })
      expect(jsonSchema.output({ target })).toEqual(jsonSchema.input({ target }))
    }
    expect(jsonSchema.input({ target })).not.toBe(jsonSchema.input({ target }))
    expect(() => jsonSchema.input({ target: 'draft-04' })).toThrow(ArgumentError)
    expect(() => jsonSchema.input(undefined as never)).toThrow(ArgumentError)
  })

  it('except of byte strings, which JSON does not have', () => {
    expect(() => jsonOf(bytes())).toThrow('a byte string has no JSON Schema')
  })
})

describe('ARG-26 the arguments of a command are one schema', () => {
  const command = defineCommand({
    command: '/mail/send',
    args: {
      to: listOf(email()),
      note: optional(text()),
      kind: zod.enum(['a', 'b']).optional(),
      box: zod.object({ name: zod.string() }),
    },
  })
  const schema = argumentsSchema(command)

  it('as JSON Schema, with the schema of Zod inside', () => {
    expect(jsonOf(schema)).toMatchObject({
      type: 'object',
      properties: {
        to: { type: 'array', items: { type: 'string', format: 'email' } },
        note: { type: 'string' },
        kind: { type: 'string', enum: ['a', 'b'] },
        box: { type: 'object', properties: { name: { type: 'string' } } },
      },
      required: ['to', 'box'],
      additionalProperties: false,
    })
    expect(JSON.stringify(jsonOf(schema))).not.toContain('$schema')
  })

  it('that validates as a service does', async () => {
    const { validate } = schema['~standard']
    const right = { to: ['a@example.com'], box: { name: 'x' } }
    expect(validate({ ...right, note: undefined })).toEqual({ value: right })
    expect(validate({ ...right, other: 1 })).toMatchObject({
      issues: [{ message: 'argument `other` is not declared' }],
    })
    expect(validate({ to: ['nobody'], box: { name: 'x' } })).toHaveProperty('issues')
    expect(validate({ box: { name: 'x' } })).toHaveProperty('issues')
    for (const value of [undefined, null, 1, 'a', [], Promise.resolve({})]) {
      expect(validate(value)).toHaveProperty('issues')
    }
  })

  it('also with an asynchronous schema', async () => {
    const later = zod.string().refine(async (value) => value === 'a')
    const { validate } = argumentsSchema(defineCommand({ command: '/a', args: { later } }))['~standard']
    expect(await validate({ later: 'a' })).toEqual({ value: { later: 'a' } })
    expect(await validate({ later: 'b' })).toHaveProperty('issues')
  })

  it('or names the argument that has no JSON Schema', () => {
    const of = (one: never) => () => jsonOf(argumentsSchema(defineCommand({ command: '/a', args: { one } })))
    expect(of(valibot.string() as never)).toThrow(/argument `one` has a schema of `valibot` without JSON Schema/)
    const tree: zod.ZodType = zod.object({
      get left() {
        return tree.optional()
      },
    })
    expect(of(tree as never)).toThrow(/argument `one` has a JSON Schema with references/)
    expect(of(listOf(bytes()) as never)).toThrow('a byte string')
    expect(() => argumentsSchema({ command: '/a' } as never)).toThrow(ArgumentError)
  })
})
