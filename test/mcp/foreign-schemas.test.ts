import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { argumentsSchema } from '../../src/core/capability/argument-types/arguments-schema.ts'
import { path } from '../../src/core/capability/argument-types/path.ts'
import { checkArguments } from '../../src/core/capability/check-arguments.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { ArgumentError } from '../../src/errors.ts'
import { type CommandOfToolOptions, commandOfTool, type DescribedTool } from '../../src/mcp/command-of-tool.ts'
import { shortRuns } from '../property/runs.ts'
import { actor, clock } from '../support/actors.ts'
import { call, delegateRaw, service } from '../support/service.ts'

const folder = `${import.meta.dirname}/../fixtures/mcp/`
const lists = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map(
    (name) =>
      [name.slice(0, -5), JSON.parse(readFileSync(folder + name, 'utf8')).tools as readonly DescribedTool[]] as const,
  )

const toolOf = (server: string, name: string): DescribedTool =>
  lists.find(([one]) => one === server)?.[1].find((tool) => tool.name === name) as DescribedTool

const lenient = (inputSchema: unknown, options: Partial<CommandOfToolOptions> = {}) =>
  commandOfTool({ name: 'tool', inputSchema }, { command: '/a', unsupported: 'json', ...options })

const verdict = async (inputSchema: unknown, args: unknown): Promise<string> =>
  (await checkArguments(lenient(inputSchema), args as never))?.reason ?? 'accepted'

describe('the schemas of published servers', () => {
  for (const [server, tools] of lists) {
    it(`MCP-29 of ${server} become closed commands`, async () => {
      for (const tool of tools) {
        const definition = commandOfTool(tool, { command: '/a', unsupported: 'json' })
        const { properties = {} } = tool.inputSchema as { readonly properties?: object }
        expect([Object.keys(definition.args).sort(), definition.others], tool.name).toEqual([
          Object.keys(properties).sort(),
          undefined,
        ])
        expect(await checkArguments(definition, { undeclared: 1 }), tool.name).toMatchObject({ reason: 'undeclared' })
        expect(() => commandOfTool(tool, { command: '/a' }), tool.name).not.toThrow()
      }
    })
  }

  it('MCP-29 accept the calls of their documentation', async () => {
    const entity = { name: 'a', entityType: 'b', observations: ['c'] }
    for (const [server, name, args] of [
      ['server-filesystem', 'edit_file', { path: '/a', edits: [{ oldText: 'a', newText: 'b' }], dryRun: true }],
      ['server-filesystem', 'read_multiple_files', { paths: ['/a'] }],
      ['server-memory', 'create_entities', { entities: [entity] }],
      [
        'server-sequential-thinking',
        'sequentialthinking',
        { thought: 'a', nextThoughtNeeded: 'true', thoughtNumber: 1, totalThoughts: 2 },
      ],
      [
        'server-sequential-thinking',
        'sequentialthinking',
        { thought: 'a', nextThoughtNeeded: true, thoughtNumber: 1, totalThoughts: 2 },
      ],
      ['server-everything', 'get-structured-content', { location: 'Chicago' }],
      ['playwright-mcp', 'browser_emulate_media', { colorScheme: null }],
      ['playwright-mcp', 'browser_drop', { target: 'a', data: { 'text/plain': 'b' } }],
    ] as const) {
      const definition = commandOfTool(toolOf(server, name), { command: '/a' })
      expect(await checkArguments(definition, args as never), name).toBeUndefined()
      const [first] = Object.keys(args)
      expect(await checkArguments(definition, { ...args, [first as string]: { a: 1 } } as never), name).toMatchObject({
        reason: 'invalid',
      })
    }
  })

  it('MCP-18 a path of the filesystem server is restricted by a policy once the service names it', async () => {
    const [alice, bob] = await Promise.all([actor('alice'), actor('bob')])
    const tool = toolOf('server-filesystem', 'read_text_file')
    const command = '/mcp/files/read_text_file'
    const policy = [['like', '.path', '/srv/reports/*']] as never
    const proof = await delegateRaw(alice, bob, { command: '/mcp/files', policy })
    const decide = async (definition: ReturnType<typeof commandOfTool>, path: string): Promise<string> => {
      const authorizer = createAuthorizer({
        audience: service.did,
        subjects: [alice.did],
        commands: [definition],
        revocations: memoryRevocationStore({ clock }),
        replay: memoryReplayStore({ clock }),
        clock,
      })
      const invocation = await call({ issuer: bob, subject: alice.did, proofs: [proof], command, args: { path } })
      const decision = await authorizer.authorize(encodeContainer([invocation, proof]))
      return decision.allowed ? 'allowed' : decision.denial.code
    }
    const named = commandOfTool(tool, { command, types: { path: path() } })
    expect(await decide(named, '/srv/reports/may.txt')).toBe('allowed')
    expect(await decide(named, '/srv/other/may.txt')).toBe('policy_unsatisfied')
    for (const other of [
      '/srv/reports/../../etc/passwd',
      '/srv/reports//a',
      '/srv/reports/./a',
      'srv/reports/a',
      '/srv/reports/a\u0000',
      '/srv/reports/%2e%2e/a',
    ])
      expect(await decide(named, other), other).not.toBe('allowed')
    // As the plain string of the JSON Schema, the policy sees a prefix and no path.
    expect(await decide(commandOfTool(tool, { command }), '/srv/reports/../../etc/passwd')).toBe('allowed')
  })
})

describe('a schema that is not understood', () => {
  const object = (properties: object, more = {}): object => ({
    type: 'object',
    properties,
    required: Object.keys(properties),
    ...more,
  })

  it('MCP-29 keeps the types that are known, and takes any value of JSON elsewhere', async () => {
    for (const [part, right, wrong] of [
      [{ type: 'string', pattern: '^a' }, 'b', 7],
      [{ type: 'string', format: 'uuid' }, 'b', null],
      [{ type: 'string', format: 'email', pattern: 'a' }, 'a@example.com', 'a@EXAMPLE.com'],
      [{ type: 'integer', multipleOf: 2, minimum: 1 }, 3, 0],
      [{ type: 'string', nullable: true }, null, 1],
      [{ type: ['string', 'integer'], minimum: 3, minLength: 2 }, 3, 'a'],
      [{ anyOf: [{ type: 'string' }, { type: 'null' }], default: null }, null, 1],
      [{ oneOf: [{ const: 'a' }, { type: 'array', items: { type: 'number' } }] }, [1], ['a']],
      [{ $ref: '#/$defs/one' }, { a: 1 }, { a: 'x' }],
      [{ type: 'object', additionalProperties: { type: 'number' } }, { x: 1 }, { x: 'y' }],
      [
        { type: 'object', properties: { a: { type: 'number' } }, additionalProperties: true },
        { a: 1, b: [] },
        { a: 'b' },
      ],
      [{ type: 'object', properties: { a: {} } }, { a: { b: null } }, { c: 1 }],
      [{ type: 'array', uniqueItems: true, maxItems: 2 }, [{}, 1], [1, 2, 3]],
      [{ type: 'object' }, { any: { thing: [1, 'a', null, true] } }, []],
      [{ type: 'object', minProperties: 1, allOf: [{}] }, { a: 1 }, 'a'],
    ] as const) {
      const schema = object({ a: part }, { $defs: { one: object({ a: { type: 'number' } }) } })
      expect(await verdict(schema, { a: right }), JSON.stringify(part)).toBe('accepted')
      expect(await verdict(schema, { a: wrong }), JSON.stringify(part)).toBe('invalid')
    }
    for (const part of [
      {},
      true,
      false,
      null,
      { type: 'thing' },
      { enum: [{}] },
      { not: {} },
      { $ref: '#/nowhere' },
      { $ref: 'https://a.example' },
      { $ref: '#' },
      { enum: [] },
    ]) {
      for (const value of ['x', 1.5, null, false, [[]], { a: { b: 1 } }])
        if (Object(part).$ref !== '#')
          expect(await verdict(object({ a: part }), { a: value }), JSON.stringify(part)).toBe('accepted')
      for (const value of [Uint8Array.of(1), undefined])
        expect(await verdict(object({ a: part }), { a: value })).not.toBe('accepted')
    }
  })

  it('MCP-29 stays closed by name, unless the schema permits further properties', async () => {
    for (const closed of [
      { type: 'object' },
      {},
      null,
      'x',
      { type: 'array' },
      { type: 'object', properties: 7, required: 7 },
      { type: 'object', additionalProperties: false },
    ])
      expect(await verdict(closed, { a: 1 }), JSON.stringify(closed)).toBe('undeclared')
    expect(await verdict({ type: 'object', patternProperties: { '^a': {} } }, { a: 1 })).toBe('accepted')
    expect(await verdict({ type: 'object', required: ['a'] }, { a: 1 })).toBe('accepted')
    expect(await verdict({ type: 'object', required: ['a'] }, {})).toBe('missing')
    expect(await verdict({ type: 'object', additionalProperties: true }, { a: [1] })).toBe('accepted')
    expect(await verdict({ type: 'object', additionalProperties: {} }, { a: [1] })).toBe('accepted')
    expect(await verdict({ type: 'object', additionalProperties: { type: 'number' } }, { a: [1] })).toBe('invalid')
    expect(await verdict({ type: 'object', additionalProperties: true }, { a: Uint8Array.of(1) })).toBe('invalid')
    const composed = {
      type: 'object',
      properties: { a: {} },
      allOf: [{ properties: { b: {} } }, { $ref: '#/$defs/c' }, JSON.parse('{"if":{},"then":{"properties":{"e":{}}}}')],
      $defs: { c: { properties: { d: {} }, anyOf: [{ $ref: '#/$defs/c' }] } },
    }
    expect(await verdict(composed, { a: 1, b: 1, d: 1, e: 1 })).toBe('accepted')
    expect(await verdict(composed, { f: 1 })).toBe('undeclared')
    const open = argumentsSchema(lenient({ type: 'object', additionalProperties: true }))
    expect(open['~standard'].jsonSchema.input({ target: 'draft-2020-12' })).toMatchObject({
      additionalProperties: true,
    })
    expect(() =>
      commandOfTool({ name: 'a', inputSchema: { type: 'object', additionalProperties: true } }, { command: '/a' }),
    ).toThrow(ArgumentError)
    expect(() => lenient({}, { unsupported: 'jsn' as never })).toThrow(/unsupported/)
  })

  it('MCP-29 is read in bounded time, whatever its references', async () => {
    const twice = (name: string): object => ({
      type: 'object',
      properties: { a: { $ref: `#/$defs/${name}` }, b: { $ref: `#/$defs/${name}` } },
    })
    const $defs: Record<string, object> = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`d${index}`, twice(`d${index + 1}`)]),
    )
    let deep: object = { type: 'string' }
    for (let level = 0; level < 5_000; level += 1) deep = { type: 'array', items: deep }
    let anded: object = {}
    for (let level = 0; level < 5_000; level += 1) anded = { allOf: [anded, anded] }
    for (const schema of [
      { ...twice('d0'), $defs },
      object({ a: deep }),
      { type: 'object', ...anded },
      { type: 'object', allOf: [{ $ref: '#' }, { $ref: '#' }] },
      JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"},"a":{}},"required":["__proto__"]}'),
    ]) {
      const started = performance.now()
      const definition = lenient(schema)
      expect(await checkArguments(definition, { a: { a: 'x' } } as never)).not.toBe(null)
      expect(performance.now() - started).toBeLessThan(5_000)
      expect(() => commandOfTool({ name: 'a', inputSchema: schema }, { command: '/a' })).toThrow(ArgumentError)
    }
  })

  it('MCP-29 makes a command of any JSON', () => {
    const keyword = fc.constantFrom(
      'type',
      'properties',
      'items',
      'anyOf',
      'oneOf',
      'allOf',
      '$ref',
      'enum',
      'const',
      'required',
      'additionalProperties',
      'format',
      'minimum',
      'maxLength',
      'nullable',
      'a',
      '__proto__',
    )
    const schema = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.jsonValue(),
        fc.constantFrom('object', 'string', 'array', '#', '#/a', 'email', -1),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(keyword, tie('any'), { maxKeys: 5 }),
      ),
    })).any
    fc.assert(
      fc.property(schema, schema, (given, value) => {
        for (const inputSchema of [given, { type: 'object', properties: { a: given } }]) {
          const definition = lenient(inputSchema)
          expect(checkArguments(definition, { a: value } as never)).not.toBeInstanceOf(Promise)
        }
      }),
      { ...shortRuns(4_000, 8), examples: [[{ required: [Object.create(null)] }, {}]] },
    )
  })
})
