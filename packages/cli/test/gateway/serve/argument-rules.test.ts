import fc from 'fast-check'
import type { CommandDefinition } from 'procura'
import { ArgumentError } from 'procura/errors'
import { commandOfTool } from 'procura/mcp'
import { describe, expect, it } from 'vitest'
import { checkArguments } from '../../../../../src/core/capability/check-arguments.ts'
import { shortRuns } from '../../../../../test/property/runs.ts'
import type { ArgumentConfig } from '../../../src/gateway/configuration/read-gateway-config.ts'
import { checkArgumentNames, withArgumentRules } from '../../../src/gateway/serve/argument-rules.ts'
import type { ArgumentTypeName } from '../../../src/support/argument-type-names.ts'

const read = (inputSchema: unknown): CommandDefinition =>
  commandOfTool({ name: 'tool', inputSchema }, { command: '/mcp/s/tool', unsupported: 'json' })

const ruled = (inputSchema: unknown, rules: ArgumentConfig): CommandDefinition =>
  withArgumentRules('tool', read(inputSchema), rules)

async function verdict(inputSchema: unknown, rules: ArgumentConfig, args: object): Promise<string> {
  const objection = await checkArguments(ruled(inputSchema, rules), args as never)
  return objection === undefined ? 'accepted' : `${objection.argument} ${objection.reason}`
}

/** For each type, values that a pattern for another value can match. */
const wrong: Readonly<Record<ArgumentTypeName, readonly unknown[]>> = {
  email: ['eve@evil.example, bob@example.com', 'eve@evil.example\nbcc: bob@example.com', 'bob', 5, null, {}],
  hostName: ['evil.example/.example.com', 'EXAMPLE.com', '127.0.0.1', ['a', 'b c']],
  ipAddress: ['127.1', '010.0.0.1', true],
  oneLine: ['a\nb', 'a\u202eb', 7],
  path: ['/data/../etc/passwd', 'data', '/data//a', '/data/%2e%2e/a', ['/data/a', '/data/..'], [['/data']], { a: 1 }],
  segment: ['public-1/../secret', 'public-%2e', '..', 'a?b', '', 5],
  shellWord: ['a b', '-rf', '$(x)'],
  url: ['https://example.com@evil.example/', 'https://example.com/../b', 'file:///etc', 'https://EXAMPLE.com/'],
}
const right: Readonly<Record<ArgumentTypeName, unknown>> = {
  email: 'bob@example.com',
  hostName: 'example.com',
  ipAddress: '127.0.0.1',
  oneLine: 'a name',
  path: '/data/a',
  segment: 'public-1',
  shellWord: 'a-b',
  url: 'http://example.com/a',
}

/** An object with the name, as generators of schemas write it. */
function spellings(name: string, own: unknown): readonly (readonly [string, object])[] {
  const object = { type: 'object', properties: { [name]: own } }
  return [
    ['plain', object],
    ['$ref', { $ref: '#/$defs/Args', $defs: { Args: object } }],
    ['typed $ref', { type: 'object', $ref: '#/$defs/Args', $defs: { Args: object } }],
    ['$ref twice', { $ref: '#/$defs/B', $defs: { Args: object, B: { allOf: [{ $ref: '#/$defs/Args' }] } } }],
    ['allOf', { type: 'object', allOf: [{ required: [name] }, object] }],
    ['anyOf', { anyOf: [{ type: 'object' }, object] }],
    ['oneOf', { type: 'object', oneOf: [object] }],
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    ['then', { type: 'object', if: {}, then: object, else: {} }],
    ['dependentSchemas', { type: 'object', properties: { x: {} }, dependentSchemas: { x: object } }],
    ['required', { type: 'object', required: [name] }],
    ['open', { type: 'object', additionalProperties: true }],
    ['open and typed', { type: 'object', additionalProperties: own }],
    ['patternProperties', { type: 'object', patternProperties: { '.*': {} } }],
    ['malformed', { type: 'object', properties: { [name]: true }, additionalProperties: {} }],
  ]
}

const owns = [{}, { type: 'string' }, { type: ['string', 'array', 'null'] }, { type: 'array' }, { not: {} }, true]

/** Ways from the arguments down to an object with the name. */
const nestings: readonly (readonly [(schema: object) => object, (args: object) => object])[] = [
  [(schema) => schema, (args) => args],
  [(inner) => ({ type: 'object', properties: { in: inner } }), (args) => ({ in: args })],
  [
    (inner) => ({ type: 'object', properties: { in: { type: 'array', items: inner } } }),
    (args) => ({ in: [{}, args] }),
  ],
  [(inner) => ({ type: 'object', required: ['in'], $defs: { inner } }), (args) => ({ in: [[args]] })],
  [(inner) => ({ type: 'object', additionalProperties: inner }), (args) => ({ in: args })],
]

const runs = shortRuns(20_000)

describe('the rules for arguments', () => {
  it(`GTW-28 hold for every schema: a value of another type is refused (${runs.title})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...(Object.keys(wrong) as ArgumentTypeName[])),
        fc.constantFrom('path', 'to', 'in', 'constructor'),
        fc.constantFrom(...owns),
        fc.nat(),
        fc.nat(),
        fc.nat(),
        async (type, name, own, spelling, nesting, value) => {
          const all = spellings(name, own)
          const [, schema] = all[spelling % all.length] ?? []
          const [around, within] = nestings[nesting % nestings.length] ?? []
          const values = wrong[type]
          // A reference is resolved from the root, so that a schema with one stays there.
          const isRoot = JSON.stringify(schema).includes('$ref')
          const args = { [name]: values[value % values.length] }
          const whole = isRoot ? schema : around?.(schema as object)
          expect(
            await verdict(whole, { types: { [name]: type } }, isRoot ? args : (within?.(args) as object)),
          ).not.toBe('accepted')
        },
      ),
      runs,
    )
  })

  it('GTW-28 accept one value of the type and a list of them, wherever the schema does', async () => {
    for (const [type, value] of Object.entries(right)) {
      const rules = { types: { to: type as ArgumentTypeName } }
      for (const [spelling, schema] of spellings('to', {})) {
        expect.soft(await verdict(schema, rules, { to: value }), `${type} ${spelling}`).toBe('accepted')
        expect.soft(await verdict(schema, rules, { to: [value] }), `${type} ${spelling}`).toBe('accepted')
      }
      // The type of the schema is required as well.
      const plain = { type: 'object', properties: { to: { type: 'string' } } }
      expect(await verdict(plain, rules, { to: [value] })).toBe('to invalid')
      expect(await verdict(plain, rules, {})).toBe('accepted')
    }
  })

  it('GTW-28 name the place and the fault, and not the value', async () => {
    const nested = { type: 'object', properties: { files: { type: 'array', items: {} } } }
    const definition = ruled(nested, { types: { path: 'path' } })
    const objection = await checkArguments(definition, { files: [{ path: '/a/../secret' }] })
    expect(objection).toMatchObject({ argument: 'files', issue: 'has `path` that has a dot segment' })
  })

  it('GTW-74 close the arguments of a tool, also of one whose schema is open', async () => {
    const mail = { type: 'object', properties: { to: {}, cc: {}, body: {} }, required: ['to'] }
    const rules: ArgumentConfig = { only: { tool: ['to', 'body'] }, types: { to: 'email' } }
    for (const schema of [
      mail,
      { ...mail, additionalProperties: true },
      ...spellings('to', {}).map(([, one]) => one),
    ]) {
      expect(await verdict(schema, rules, { to: 'bob@example.com', cc: 'eve@evil.example' })).toBe('cc undeclared')
      expect(await verdict(schema, rules, { to: 'bob@example.com' })).toBe('accepted')
      expect(await verdict(schema, rules, { to: 'bob@example.com, eve@evil.example' })).toBe('to invalid')
    }
    expect(await verdict(mail, { only: { '*': ['to'] } }, { to: 'a', body: 'b' })).toBe('body undeclared')
    expect(await verdict(mail, { only: { '*': ['to'], tool: ['to', 'body'] } }, { to: 'a', body: 'b' })).toBe(
      'accepted',
    )
    expect(await verdict(mail, { only: { other: ['to'] } }, { to: 'a', cc: 'b' })).toBe('accepted')
    expect(() => ruled(mail, { only: { tool: ['body'] } })).toThrow(ArgumentError)
    expect(() => ruled(mail, { only: { tool: ['body'] } })).toThrow('`only` leaves out `to`')
  })

  it('GTW-28 GTW-74 name arguments and tools that exist, or the configuration is wrong', () => {
    const files = { type: 'object', properties: { path: {}, list: { type: 'array', items: {} } } }
    const nested = { type: 'object', properties: { list: { items: { $ref: '#/$defs/a' } } }, $defs: { a: files } }
    const toolsOf = (inputSchema: unknown) => [{ name: 'tool', inputSchema, definition: read(inputSchema) }]
    for (const schema of [...spellings('path', {}).map(([, one]) => one), nested])
      expect(() => checkArgumentNames(toolsOf(schema), { types: { path: 'path' } })).not.toThrow()
    expect(() => checkArgumentNames([], { types: { pth: 'path' }, only: { x: ['y'] } })).not.toThrow()
    for (const name of ['pth', 'constructor', 'type', 'items'])
      expect(() => checkArgumentNames(toolsOf(nested), { types: { [name]: 'path' } }), name).toThrow(ArgumentError)
    expect(() => checkArgumentNames(toolsOf(files), { only: { tool: ['path'], '*': ['list'] } })).not.toThrow()
    for (const only of [{ tol: ['path'] }, { tool: ['pth'] }, { '*': ['pth'] }, { tool: ['constructor'] }])
      expect(() => checkArgumentNames(toolsOf(files), { only })).toThrow(ArgumentError)
  })
})
