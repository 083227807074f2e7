import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { path } from '../../src/core/capability/argument-types/path.ts'
import { checkArguments } from '../../src/core/capability/check-arguments.ts'
import { ArgumentError } from '../../src/errors.ts'
import { type CommandOfToolOptions, commandOfTool } from '../../src/mcp/command-of-tool.ts'

const commandOf = (properties: object, required: readonly string[] = Object.keys(properties), options = {}) =>
  commandOfTool(
    { name: 'tool', description: 'Reads\n  a thing.', inputSchema: { type: 'object', properties, required } },
    { command: '/a', ...options } as CommandOfToolOptions,
  )

/** The fault of arguments, or `accepted`. */
async function verdict(properties: object, args: object, required?: readonly string[], options = {}): Promise<string> {
  return (await checkArguments(commandOf(properties, required, options), args as never))?.reason ?? 'accepted'
}

describe('the command of a tool', () => {
  it('MCP-16 takes the arguments of the JSON Schema, and no others, at any depth', async () => {
    const where = { type: 'object', properties: { line: { type: 'integer', minimum: 1 } }, required: ['line'] }
    const schema = { a: { type: 'string', maxLength: 3 }, b: { type: 'array', items: where, maxItems: 2 } }
    const right = { a: 'abc', b: [{ line: 1 }] }
    expect(await verdict(schema, right)).toBe('accepted')
    expect(await verdict(schema, { ...right, c: 1 })).toBe('undeclared')
    expect(await verdict(schema, { a: 'abc' })).toBe('missing')
    expect(await verdict(schema, { a: 'abc' }, ['a'])).toBe('accepted')
    for (const wrong of [
      { a: 'abcd' },
      { a: 1 },
      { b: [{ line: 0 }] },
      { b: [{}] },
      { b: [{ line: 1, x: 1 }] },
      { b: {} },
    ])
      expect(await verdict(schema, { ...right, ...wrong }), JSON.stringify(wrong)).toBe('invalid')
    expect(await verdict({ a: { enum: ['x', 1] }, b: { const: true } }, { a: 1, b: true })).toBe('accepted')
    expect(await verdict({ a: { enum: ['x', 1] } }, { a: 'y' })).toBe('invalid')
    expect(commandOf({}).description).toBe('Reads a thing.')
  })

  it('MCP-17 refuses every part of JSON Schema that it does not understand, and names it', () => {
    const text = { type: 'string' }
    for (const part of [
      { type: 'string', pattern: '^a' },
      { type: 'string', format: 'uuid' },
      { type: 'string', format: 'toString' },
      { type: 'string', contentEncoding: 'base64' },
      { type: ['string', 'thing'] },
      { type: [] },
      { anyOf: [] },
      { anyOf: [text, { pattern: 'a' }] },
      { anyOf: [text], type: 'string' },
      { oneOf: [text] },
      { allOf: [text] },
      { not: text },
      { $ref: '#/$defs/a' },
      { $ref: '#' },
      { $ref: 'https://a.example/b' },
      { $ref: '#/properties/a' },
      { type: 'number', multipleOf: 2 },
      { type: 'integer', exclusiveMinimum: 1 },
      { type: 'array' },
      { type: 'array', items: text, uniqueItems: true },
      { type: 'array', prefixItems: [text] },
      { type: 'object', additionalProperties: { pattern: 'a' } },
      { type: 'object', propertyNames: { pattern: 'a' } },
      { type: 'object', additionalProperties: true },
      { type: 'object', patternProperties: {} },
      { enum: [] },
      { enum: [{}] },
      {},
      true,
      null,
    ])
      expect(() => commandOf({ a: part }), JSON.stringify(part)).toThrow(ArgumentError)
    expect(() => commandOf({ a: { type: 'string', pattern: '^a' } })).toThrow(
      'commandOfTool: `a` in the schema of the tool `tool` has `pattern`, which is not supported; pass a type for the argument in `types`, or define the command with defineCommand',
    )
    expect(() => commandOf({ a: text }, ['a', 'b'])).toThrow(/a required argument `b` without a schema/)
    expect(() => commandOf(JSON.parse('{"__proto__":{"type":"string"}}'))).toThrow(ArgumentError)
    expect(() => commandOf({}, [], { types: { path: path() } })).toThrow(/is not an argument of the tool/)
    expect(() => commandOf({}, [], { typs: {} })).toThrow(/did you mean `types`/)
    for (const inputSchema of [
      undefined,
      null,
      'x',
      [],
      { type: 'array' },
      { type: 'object', $defs: {}, additionalProperties: true },
      { type: 'object', additionalProperties: { type: 'string' } },
    ])
      expect(() => commandOfTool({ name: 'tool', inputSchema }, { command: '/a' })).toThrow(ArgumentError)
  })

  it('MCP-18 gives strings with a known format one spelling, and others by `types`', async () => {
    for (const [format, right, wrong] of [
      ['email', 'bob@example.com', 'bob@EXAMPLE.com'],
      ['hostname', 'example.com', 'Example.com'],
      ['ipv4', '10.0.0.1', '10.0.0.01'],
      ['ipv6', '2001:db8::1', '2001:0db8::1'],
      ['uri', 'https://example.com/a', 'https://example.com/b/../a'],
    ] as const) {
      expect(await verdict({ a: { type: 'string', format } }, { a: right }), format).toBe('accepted')
      expect(await verdict({ a: { type: 'string', format } }, { a: wrong }), format).toBe('invalid')
    }
    const types = { types: { file: path() } }
    const file = { file: { type: 'string', pattern: '^/' } }
    expect(await verdict(file, { file: '/a/b' }, ['file'], types)).toBe('accepted')
    expect(await verdict(file, { file: '/a/../b' }, ['file'], types)).toBe('invalid')
  })

  it('MCP-16 reads the schemas that Zod writes', async () => {
    const inputSchema = z.toJSONSchema(
      z.object({ to: z.email(), lines: z.int().min(1).max(9).optional(), mode: z.enum(['a', 'b']).default('a') }),
      { io: 'input' },
    )
    const definition = commandOfTool({ name: 'tool', inputSchema }, { command: '/a' })
    expect(await checkArguments(definition, { to: 'bob@example.com', lines: 2 })).toBeUndefined()
    expect(await checkArguments(definition, { to: 'bob@example.com', mode: 'c' })).toMatchObject({ reason: 'invalid' })
  })
})
