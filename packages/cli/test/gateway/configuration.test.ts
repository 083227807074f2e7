import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { ArgumentError } from 'procura/errors'
import { afterAll, describe, expect, it } from 'vitest'
import { shortRuns } from '../../../../test/property/runs.ts'
import { root } from '../../../../test/setup/entries.ts'
import { gatewayShape } from '../../src/gateway/configuration/gateway-shape.ts'
import { parseGatewayConfig } from '../../src/gateway/configuration/read-gateway-config.ts'
import { readShape } from '../../src/gateway/configuration/read-shape.ts'
import { readGatewayConfig } from '../../src/index.ts'
import { gatewaySchema } from '../setup/gateway-schema.ts'

const folder = mkdtempSync(join(tmpdir(), 'procura-gateway-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const owner = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp'

/** A configuration with every field. */
const whole = {
  $schema: 'https://example.com/gateway.schema.json',
  version: 1,
  listen: { socket: 'gateway.sock' },
  service: { key: 'service.key' },
  subjects: [owner],
  vault: { file: 'vault', keyFile: '/run/secrets/vault.key' },
  audit: { directory: 'log' },
  state: { file: 'state.db' },
  tools: 'reviewed',
  servers: {
    mail: {
      type: 'stdio',
      command: 'bin/mail',
      args: ['--quiet', ''],
      cwd: 'work',
      env: { LOG: '1' },
      secretEnv: { MAIL_KEY: 'mail.MAIL_KEY' },
      stderr: 'mail.log',
      types: { to: 'email' },
      paths: ['file'],
      only: { send: ['to', 'file'] },
    },
    github: {
      type: 'http',
      url: 'https://api.example.com/mcp',
      headers: { 'X-Plain': '1' },
      secretHeaders: { Authorization: 'github.Authorization' },
    },
  },
  apis: {
    crm: {
      origin: 'https://crm.example.com',
      secretHeaders: { Authorization: 'crm.Authorization' },
      methods: ['GET', 'POST'],
      paths: ['/v1/contacts'],
    },
  },
  admin: { address: '127.0.0.1:7334' },
  moved: { home: '/var/lib/procura/home', user: 'procura' },
}

// biome-ignore lint/suspicious/noExplicitAny: a configuration with any fault
type Draft = Record<string, any>
type Change = (draft: Draft) => void

const parse = (text: string): unknown => parseGatewayConfig(new TextEncoder().encode(text), '/home/ada/gateway.json')

function faultOf(text: string): string {
  try {
    parse(text)
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError)
    return (error as Error).message
  }
  return 'no fault'
}

function changed(change: Change): string {
  const draft = structuredClone(whole)
  change(draft)
  return JSON.stringify(draft, undefined, 2)
}

describe('the configuration of a gateway', () => {
  it('is read with absolute paths and defaults [GTW-01]', () => {
    expect(parse(JSON.stringify(whole))).toMatchObject({
      listen: { socket: '/home/ada/gateway.sock' },
      service: { key: '/home/ada/service.key' },
      vault: { file: '/home/ada/vault', keyFile: '/run/secrets/vault.key' },
      audit: { directory: '/home/ada/log' },
      state: { file: '/home/ada/state.db' },
      toolsFolder: '/home/ada/tools',
      tools: 'reviewed',
      admin: { host: '127.0.0.1', port: 7334 },
      servers: new Map<string, unknown>([
        [
          'mail',
          {
            type: 'stdio',
            command: '/home/ada/bin/mail',
            args: ['--quiet', ''],
            cwd: '/home/ada/work',
            env: Object.assign(Object.create(null), { LOG: '1' }),
            secretEnv: Object.assign(Object.create(null), { MAIL_KEY: 'mail.MAIL_KEY' }),
            stderr: '/home/ada/mail.log',
            types: { to: 'email', file: 'path' },
            only: Object.assign(Object.create(null), { send: ['to', 'file'] }),
          },
        ],
        [
          'github',
          {
            type: 'http',
            url: 'https://api.example.com/mcp',
            headers: Object.assign(Object.create(null), { 'X-Plain': '1' }),
            secretHeaders: { names: ['Authorization'], credential: 'github.Authorization' },
          },
        ],
      ]),
      apis: new Map([
        [
          'crm',
          {
            type: 'api',
            origin: 'https://crm.example.com',
            secretHeaders: { names: ['Authorization'], credential: 'crm.Authorization' },
            methods: ['GET', 'POST'],
            paths: ['/v1/contacts'],
          },
        ],
      ]),
    })
    const least = changed((draft) => {
      for (const name of ['$schema', 'tools', 'admin', 'apis']) delete draft[name]
      draft['listen'] = { address: '[::1]:7333' }
      draft['servers'] = { mail: { type: 'stdio', command: 'node' } }
    })
    expect(parse(least)).toMatchObject({
      listen: { host: '::1', port: 7333 },
      tools: 'first-use',
      apis: new Map(),
      servers: new Map([['mail', expect.objectContaining({ command: 'node', args: [], cwd: '/home/ada' })]]),
    })
  })

  const faults: readonly (readonly [name: string, change: Change, message: RegExp])[] = [
    [
      'a misspelt option of a server',
      (d) => rename(d['servers'].mail, 'command', 'comand'),
      /:\d+:7: `servers\.mail\.comand` is unknown; did you mean `command`\?/,
    ],
    ['an unknown option', (d) => put(d, 'sandbox', true), /:\d+:3: `sandbox` is unknown; use `\$schema`, `version`/],
    ...(
      ['https://crm.example.com/', 'https://crm.example.com/v1', 'https://u@a.example', 'HTTPS://a.example'] as const
    ).map(
      (origin) =>
        [
          `the origin ${origin}`,
          (d: Draft) => put(d['apis'].crm, 'origin', origin),
          /must be an origin of https, such as/,
        ] as const,
    ),
    [
      'an API in the clear',
      (d) => put(d['apis'].crm, 'origin', 'http://crm.example.com'),
      /must be an origin of https; plain http is allowed on this machine only/,
    ],
    ['an API without a secret', (d) => put(d['apis'].crm, 'secretHeaders', {}), /has no header in `secretHeaders`/],
    ...['/v1/', 'v1', '/v1/../v2', '/v1%2f', '/v1?a', '/', '//v1'].map(
      (path) =>
        [
          `the path ${path}`,
          (d: Draft) => put(d['apis'].crm, 'paths', [path]),
          /must be a path in its one spelling/,
        ] as const,
    ),
    ['a method in lower case', (d) => put(d['apis'].crm, 'methods', ['get']), /must be "GET" or "HEAD" or "POST"/],
    ['no method', (d) => put(d['apis'].crm, 'methods', []), /must be a non-empty list/],
    [
      'an API with the name of a server',
      (d) => rename(d['apis'], 'crm', 'mail'),
      /has the name mail in `servers` and in/,
    ],
    ['an inherited name', (d) => put(d, 'constructor', 1), /`constructor` is unknown/],
    [
      'a missing option',
      (d) => void delete d['subjects'],
      /:1:1: `subjects` is missing; add it: the DIDs of the owners/,
    ],
    ['a relative new home', (d) => put(d['moved'], 'home', 'home'), /`moved\.home` must be an absolute path/],
    ['a new home with two lines', (d) => put(d['moved'], 'home', '/a\n/b'), /`moved\.home` must be an absolute path/],
    ['an option as a user', (d) => put(d['moved'], 'user', '-i'), /`moved\.user` must be the name of a user/],
    ['another version', (d) => put(d, 'version', 2), /`version` must be 1/],
    ['no owner', (d) => put(d, 'subjects', []), /`subjects` must be a non-empty list/],
    ['an owner that is not a DID', (d) => put(d, 'subjects', ['ada']), /`subjects\[0\]` must be a DID/],
    [
      'an object in the place of an address',
      (d) => put(d, 'approvals', { page: {} }),
      /`approvals\.page` must be a loopback address such as "127\.0\.0\.1:7333" \(got an object\)/,
    ],
    ['a list in the place of an object', (d) => put(d, 'vault', []), /`vault` must be an object \(got a list\)/],
    [
      'both places to listen',
      (d) => put(d['listen'], 'address', '127.0.0.1:1'),
      /`listen` must have either `socket` or `address`/,
    ],
    ['no place to listen', (d) => put(d, 'listen', {}), /`listen` must have either `socket` or `address`/],
    [
      'an address that others reach',
      (d) => put(d, 'listen', { address: '0.0.0.0:7333' }),
      /`listen\.address` must be a loopback address/,
    ],
    [
      'a port that does not exist',
      (d) => put(d['admin'], 'address', '127.0.0.1:65536'),
      /`admin\.address` must be a loopback/,
    ],
    [
      'a name of a server with capitals',
      (d) => rename(d['servers'], 'mail', 'Mail'),
      /the name `Mail` in `servers` must begin with a-z/,
    ],
    [
      'a server without type',
      (d) => void delete d['servers'].mail.type,
      /`servers\.mail` has no `type`; add it: "stdio" or "http"/,
    ],
    [
      'an unknown type of server',
      (d) => put(d['servers'].mail, 'type', 'sse'),
      /`servers\.mail\.type` must be "stdio" or "http"/,
    ],
    [
      'an option of the other type',
      (d) => put(d['servers'].mail, 'url', 'https://a.example'),
      /`servers\.mail\.url` is unknown/,
    ],
    [
      'a variable that is plain and secret',
      (d) => put(d['servers'].mail.env, 'MAIL_KEY', 'x'),
      /`servers\.mail` has the variable MAIL_KEY in `env` and in `secretEnv`/,
    ],
    [
      'an unknown type of an argument',
      (d) => put(d['servers'].mail.types, 'to', 'mail'),
      /`servers\.mail\.types\.to` must be "email" or "hostName"/,
    ],
    [
      'two types of one argument',
      (d) => put(d['servers'].mail.types, 'file', 'url'),
      /`servers\.mail` has an argument in `paths` that has another type in `types`/,
    ],
    [
      'a name that is not one of a variable',
      (d) => put(d['servers'].mail.env, 'A=B', 'x'),
      /the name `A=B` in `servers\.mail\.env` must be the name of an env/,
    ],
    [
      'two secret headers',
      (d) => put(d['servers'].github.secretHeaders, 'Cookie2', 'github.C'),
      /several credentials in `secretHeaders`; name one for all headers/,
    ],
    [
      'a secret header twice',
      (d) => put(d['servers'].github.secretHeaders, 'authorization', 'github.Authorization'),
      /has a header twice in `secretHeaders`/,
    ],
    [
      'a header of the protocol',
      (d) => put(d['servers'].github.headers, 'Mcp-Session-Id', 'x'),
      /is a header that the gateway sets itself/,
    ],
    [
      'a header that ends itself',
      (d) => put(d['servers'].github.headers, 'X-Plain', 'a\r\nb: c'),
      /must be visible ASCII/,
    ],
    [
      'a header that is plain and secret',
      (d) => put(d['servers'].github.headers, 'authorization', 'x'),
      /one header in `headers` and in `secretHeaders`/,
    ],
    [
      'an upstream in the clear',
      (d) => put(d['servers'].github, 'url', 'http://api.example.com/mcp'),
      /must be a URL of https; plain http/,
    ],
    [
      'an upstream with a password',
      (d) => put(d['servers'].github, 'url', 'https://a:b@api.example.com'),
      /must not contain user information/,
    ],
    ['a choice that does not exist', (d) => put(d, 'tools', 'all'), /`tools` must be "first-use" or "reviewed"/],
  ]

  it.each(faults)('is refused with its place for %s [GTW-01]', (_, change, message) => {
    const text = changed(change)
    expect(faultOf(text)).toMatch(message)
    expect(faultOf(text)).toMatch(/^\/home\/ada\/gateway\.json:\d+:\d+: /)
  })

  it('never repeats a value in an error: it may be a secret in the wrong place [GTW-01]', () => {
    const canary = 'sk-live-5ecre7'
    const places: readonly Change[] = [
      (d) => put(d['servers'].mail.secretEnv, 'MAIL_KEY', canary),
      (d) => put(d['servers'].github.secretHeaders, 'Authorization', `Bearer ${canary}`),
      (d) => put(d['servers'].github, 'url', `https://x:${canary}@api.example.com`),
      (d) => put(d['servers'].github, 'url', canary),
      (d) => put(d['apis'].crm, 'origin', canary),
      (d) => put(d['apis'].crm, 'paths', [canary]),
      (d) => put(d['apis'].crm.secretHeaders, 'Authorization', canary),
      (d) => put(d['servers'].mail, 'type', canary),
      (d) => put(d, 'subjects', [canary]),
      (d) => put(d, 'version', canary),
      (d) => put(d, 'vault', canary),
      (d) => put(d['admin'], 'address', canary),
      (d) => put(d, 'tools', canary),
    ]
    for (const place of places) {
      const message = faultOf(changed(place))
      expect(message).toMatch(/gateway\.json:\d+:\d+: /)
      expect(message).not.toContain(canary)
    }
  })

  const texts: readonly (readonly [name: string, text: string, message: string])[] = [
    ['an empty file', '', '1:1: the file is empty'],
    ['a comment', '{\n  // hello\n}', '2:3: comments are not allowed'],
    ['a comma too many', '{ "version": 1, }', '1:17: a name in double quotes is missing'],
    ['two objects', '{} {}', '1:4: the file continues after its end'],
    ['a name that is there twice', '{ "version": 1,\n "version": 1 }', '2:2: `version` is there twice'],
    ['a byte order mark in the middle', '{ "a": \ufeff1 }', '1:8: '],
    ['deep nesting', '['.repeat(100_000), '1:17: the file is nested too deeply'],
    ['another kind of value', '[]', '1:1: the file must be an object (got a list)'],
    ['nothing but null', 'null', '1:1: the file must be an object (got null)'],
  ]

  it.each(texts)('is refused for %s [GTW-01]', (_, text, message) => {
    expect(faultOf(text)).toContain(`gateway.json:${message}`)
  })

  it('is refused when its bytes are not UTF-8, and counts further faults [GTW-01]', () => {
    expect(() => parseGatewayConfig(Uint8Array.of(0x7b, 0xff, 0x7d), '/x.json')).toThrow('/x.json:1:1: the file is not')
    expect(faultOf('{ "a": 1, "b": 2 }')).toMatch(/`a` is unknown.*\(and 9 further faults\)$/)
  })

  it('is a file that only its owner can read [GTW-02]', async () => {
    const path = join(folder, 'gateway.json')
    await expect(readGatewayConfig(path)).rejects.toThrow(
      'does not exist; `procura wrap` or `procura api add` writes it',
    )
    // The verbs would write another file.
    await expect(readGatewayConfig(join(folder, 'other.json'))).rejects.toThrow(
      /other.json` does not exist; pass the path/,
    )
    writeFileSync(path, JSON.stringify(whole), { mode: 0o600 })
    expect((await readGatewayConfig(path)).toolsFolder).toBe(join(folder, 'tools'))
    chmodSync(path, 0o640)
    await expect(readGatewayConfig(path)).rejects.toThrow('other users have access to it; run chmod 600')
  })
})

describe('the JSON Schema of the configuration', () => {
  const validate = new Ajv2020({ allErrors: true }).compile(gatewaySchema())

  it('is the published file (npm run entries)', () => {
    expect(JSON.parse(readFileSync(`${root}packages/cli/schema/gateway.schema.json`, 'utf8'))).toEqual(gatewaySchema())
  })

  it('accepts each configuration that the reader accepts, and only refuses what the reader refuses', () => {
    const places = pathsOf(whole)
    const value = fc.oneof(fc.constantFrom<unknown>(null, 1, true, '', 'x', [], {}, ['x'], { x: 'x' }), fc.string())
    let accepted = 0
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...places), value, fc.boolean()), { maxLength: 2 }), (changes) => {
        const draft = structuredClone(whole) as Draft
        for (const [place, put, remove] of changes) change(draft, place, put, remove)
        const isRead = 'value' in readShape(JSON.stringify(draft), gatewayShape)
        if (isRead) accepted += 1
        if (isRead) expect(validate(draft), JSON.stringify(validate.errors)).toBe(true)
      }),
      shortRuns(200),
    )
    expect(accepted).toBeGreaterThan(0)
    for (const wrong of [{}, { ...whole, sandbox: true }, { ...whole, servers: { mail: { type: 'sse' } } }])
      expect(validate(wrong)).toBe(false)
  })
})

function put(object: Draft, name: string, value: unknown): void {
  object[name] = value
}

function rename(object: Record<string, unknown>, from: string, to: string): void {
  object[to] = object[from]
  delete object[from]
}

/** Every place in a value, as a list of names. */
function pathsOf(value: unknown, before: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => [[...before, name], ...pathsOf(inner, [...before, name])])
}

function change(draft: Draft, place: readonly string[], value: unknown, remove: boolean): void {
  const last = place.at(-1) ?? ''
  const parent: unknown = place.slice(0, -1).reduce<unknown>((at, name) => Object(at)[name], draft)
  if (typeof parent !== 'object' || parent === null) return
  if (remove) Reflect.deleteProperty(parent, last)
  else Reflect.set(parent, last, value)
}
