import { describe, expect, it } from 'vitest'
import { parseCommand } from '../../src/core/capability/command.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { header } from '../../src/vault/processors/header.ts'
import { type CredentialOptions, mayUse, parseRules } from '../../src/vault/rules/credential-rules.ts'
import { readStoredRules } from '../../src/vault/rules/stored-rules.ts'
import { AGENT, invalidArgument, OWNER, vaultError } from './support.ts'

const sent: CredentialOptions = { origins: ['https://api.example.com'], processor: bearer() }

describe('credential rules', () => {
  it('are completed with the narrowest use', () => {
    expect(parseRules('crm', sent)).toMatchObject({
      methods: ['GET', 'HEAD'],
      pathPrefix: '/',
      leasable: false,
      commands: undefined,
    })
    expect(parseRules('smtp', { leasable: true })).toMatchObject({ origins: [], leasable: true })
  })

  const wrong: readonly (readonly [string, string, CredentialOptions, RegExp])[] = [
    ['a name with spaces', 'a b', sent, /name of a credential must be/],
    ['an empty name', '', sent, /name of a credential must be/],
    ['origins without a processor', 'a', { origins: ['https://a.example'] }, /needs a `processor`/],
    ['a processor without origins', 'a', { processor: bearer() }, /needs `origins`/],
    ['no origins at all', 'a', { origins: [], processor: bearer() }, /`origins` is empty/],
    ['headers without origins', 'a', { headers: ['accept'] }, /need `origins`/],
    ['methods without origins', 'a', { methods: ['GET'] }, /need `origins`/],
    ['a prefix without origins', 'a', { leasable: true, pathPrefix: '/v1' }, /need `origins`/],
    ['nothing that can use it', 'a', { leasable: false }, /list the `origins` .* or set `leasable: true`/],
    ['a lower-case method', 'a', { ...sent, methods: ['get'] }, /upper case/],
    ['CONNECT', 'a', { ...sent, methods: ['CONNECT'] }, /`methods` must not contain/],
    ['TRACK, which does as TRACE', 'a', { ...sent, methods: ['GET', 'TRACK'] }, /`methods` must not contain/],
    ['TRACE, which echoes headers', 'a', { ...sent, methods: ['TRACE'] }, /`methods` must not contain/],
    ...['Authorization', 'cookie', 'Host', 'X-Forwarded-For', 'X_HTTP_Method_Override', 'a b', 'ä', 'Connection'].map(
      (name) =>
        [`the header ${name}`, 'a', { ...sent, headers: ['accept', name] }, /`headers` contains a name/] as const,
    ),
    ['a prefix with a slash at its end', 'a', { ...sent, pathPrefix: '/v1/' }, /`pathPrefix` must begin/],
    ['a prefix with dot segments', 'a', { ...sent, pathPrefix: '/v1/../v2' }, /`pathPrefix` must begin/],
    [
      'a prefix with parameters on a dot segment',
      'a',
      { ...sent, pathPrefix: '/v1/..;x/v2' },
      /`pathPrefix` has a dot segment/,
    ],
    ['a prefix that is not a path', 'a', { ...sent, pathPrefix: 'v1' }, /`pathPrefix` must begin/],
    ['a prefix on another host', 'a', { ...sent, pathPrefix: '//evil.example/v1' }, /`pathPrefix` must begin/],
    ['a prefix that is not a host either', 'a', { ...sent, pathPrefix: '//' }, /`pathPrefix` must begin/],
    ['a prefix with an encoded letter', 'a', { ...sent, pathPrefix: '/%76%31' }, /`pathPrefix` must begin/],
    ['a prefix with a backslash', 'a', { ...sent, pathPrefix: '/\\' }, /`pathPrefix` must begin/],
  ]
  for (const [what, name, rules, message] of wrong) {
    it(`VLT-11 refuse ${what}`, () => {
      const parse = (): unknown => parseRules(name, rules)
      expect(parse).toThrow(expect.objectContaining(invalidArgument))
      expect(parse).toThrow(message)
    })
  }

  for (const origin of [
    'https://api.example.com/',
    'https://api.example.com/v1',
    'api.example.com',
    'https://API.example.com',
    'https://a.example:443',
    'https://u@a.example',
    'data:text/plain,x',
    'https://*.example.com',
  ]) {
    it(`ORG-01 refuse ${origin} as an origin`, () => {
      expect(() => parseRules('a', { ...sent, origins: [origin] })).toThrow(expect.objectContaining(invalidArgument))
    })
  }

  it.each(['data:text/plain,x', 'file:///tmp', 'null', 'mailto:a@b.example'])(
    'ORG-01 explain an origin by an example where %s has none',
    (origin) => {
      expect(() => parseRules('a', { ...sent, origins: [origin] })).toThrow(
        'must be an origin, such as https://api.example.com',
      )
    },
  )

  it('ORG-02 require an encrypted origin, except on the loopback interface', () => {
    for (const origin of [
      'http://api.example.com',
      'ftp://a.example',
      'http://127.0.0.2',
      'http://10.0.0.1',
      'http://localhost.example',
    ]) {
      expect(() => parseRules('a', { ...sent, origins: [origin] })).toThrow(/not encrypted/)
    }
    for (const origin of ['http://127.0.0.1:8080', 'http://localhost', 'http://[::1]:9']) {
      expect(parseRules('a', { ...sent, origins: [origin] }).origins).toEqual([origin])
    }
  })

  it('VLT-07 limit the calls that may use the credential, by whole segments and exact subjects [attack 75]', () => {
    const credential = parseRules('a', { ...sent, commands: ['/crm/read'], subjects: [OWNER] })
    const call = (subject: typeof OWNER, command: string): boolean =>
      mayUse(credential, { subject, command: parseCommand(command) })
    expect(call(OWNER, '/crm/read')).toBe(true)
    expect(call(OWNER, '/crm/read/one')).toBe(true)
    expect(call(OWNER, '/crm/reader')).toBe(false)
    expect(call(OWNER, '/crm')).toBe(false)
    expect(call(AGENT, '/crm/read')).toBe(false)
  })

  it('have the same description every time', () => {
    const a = parseRules('a', { ...sent, methods: ['POST'] }).description
    expect(a).toBe(
      parseRules('a', { processor: bearer(), methods: ['POST'], origins: ['https://api.example.com'] }).description,
    )
    expect(a).not.toBe(parseRules('a', sent).description)
  })
})

describe('stored rules', () => {
  const every: Required<CredentialOptions> = {
    origins: ['https://api.example.com'],
    processor: header({ name: 'x-key' }),
    methods: ['POST'],
    pathPrefix: '/v1',
    headers: ['x-page'],
    commands: ['/a'],
    subjects: [OWNER],
    leasable: true,
  }

  it('VLT-30 are read back completely', () => {
    const { processor, ...others } = readStoredRules(parseRules('a', every).description)
    const { processor: written, ...expected } = every
    expect(others).toEqual(expected)
    expect(processor?.description).toEqual(written.description)
  })

  const other: Required<CredentialOptions> = {
    origins: ['https://other.example.com'],
    processor: header({ name: 'x-other' }),
    methods: ['PUT'],
    pathPrefix: '/v2',
    headers: ['x-other-page'],
    commands: ['/b'],
    subjects: [AGENT],
    leasable: false,
  }

  for (const [name, value] of Object.entries(other)) {
    it(`VLT-30 contain a change of \`${name}\``, () => {
      const { description } = parseRules('a', { ...every, [name]: value })
      expect(description).not.toBe(parseRules('a', every).description)
      expect(parseRules('a', readStoredRules(description)).description).toBe(description)
    })
  }

  it('VLT-30 are refused when a part of them is unknown or malformed', () => {
    expect(readStoredRules('{"commands":["/a"],"leasable":true}')).toEqual({ commands: ['/a'], leasable: true })
    const { description } = parseRules('a', { ...sent, headers: ['Accept', 'X-Api-Key'], commands: ['/a'] })
    const read = parseRules('a', readStoredRules(description))
    expect([read.headers, read.description]).toEqual([['accept', 'x-api-key'], description])
    for (const text of [
      '{"leasable":false,"headers":"accept"}',
      '',
      'null',
      '7',
      '"x"',
      '[]',
      '{}',
      '{"leasable":1}',
      '{"leasable":true,"hours":"9-17"}',
      '{"leasable":true,"__proto__":{}}',
      '{"leasable":true,"commands":"/a"}',
      '{"leasable":true,"subjects":null}',
      '{"leasable":true,"methods":["GET",1]}',
      '{"leasable":true,"origins":{"length":0}}',
      '{"leasable":true,"pathPrefix":null}',
    ]) {
      expect(() => readStoredRules(text), text).toThrow(expect.objectContaining(vaultError('ERR_VAULT_INTEGRITY')))
    }
  })
})
