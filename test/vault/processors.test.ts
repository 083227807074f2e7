import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import * as processors from '../../src/entries/vault/processors.ts'
import type { OutgoingRequest, Processor } from '../../src/vault/processor.ts'
import { basic } from '../../src/vault/processors/basic.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { clientCredentials } from '../../src/vault/processors/client-credentials.ts'
import { header } from '../../src/vault/processors/header.ts'
import { headers } from '../../src/vault/processors/headers.ts'
import { hmac } from '../../src/vault/processors/hmac.ts'
import { parseProcessor } from '../../src/vault/processors/parse-processor.ts'
import { query } from '../../src/vault/processors/query.ts'
import { refreshToken } from '../../src/vault/processors/refresh-token.ts'
import { sigV4 } from '../../src/vault/processors/sigv4.ts'
import { Secret } from '../../src/vault/secret.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'
import { invalidArgument, movableClock, NOON, vaultError } from './support.ts'

const invalid = expect.objectContaining(invalidArgument)

async function apply(
  processor: Processor,
  secret: string | Secret,
  request: Partial<OutgoingRequest> = {},
): Promise<OutgoingRequest> {
  const outgoing = { method: 'GET', url: new URL('https://a.example/p?q=1'), headers: new Headers(), ...request }
  const context = { clock: movableClock(), fetch, signal: new AbortController().signal }
  return processor.apply(outgoing, typeof secret === 'string' ? new Secret(secret) : secret, context)
}

const login = Secret.ofFields({ username: 'ann', password: 'pass word', token: 't-1' })

describe('processors', () => {
  it('bearer writes the Authorization header', async () => {
    expect((await apply(bearer(), 't-1')).headers.get('authorization')).toBe('Bearer t-1')
    expect((await apply(bearer({ field: 'token' }), login)).headers.get('authorization')).toBe('Bearer t-1')
  })

  it('header can write text around the secret', async () => {
    const processor = header({ name: 'X-Api-Key', format: 'Token {secret};v=1' })
    expect((await apply(processor, 't-1')).headers.get('x-api-key')).toBe('Token t-1;v=1')
    expect(processor.headers).toEqual(['x-api-key'])
    for (const format of ['', 'none', '{secret}{secret}', 'a\r\nb: {secret}']) {
      expect(() => header({ name: 'X-A', format })).toThrow(invalid)
    }
    for (const name of ['', 'a b', 'a:', 'Host', 'Content-Length', 'ä']) {
      expect(() => header({ name })).toThrow(invalid)
    }
  })

  it('headers writes a field of the secret into each header', async () => {
    const processor = headers({ fields: { Authorization: 'token', 'X-User': 'username' } })
    expect(processor.headers).toEqual(['authorization', 'x-user'])
    const sent = (await apply(processor, login)).headers
    expect([sent.get('authorization'), sent.get('x-user')]).toEqual(['t-1', 'ann'])
    for (const secret of [Secret.ofFields({ token: 't' }), 'text', Secret.ofFields({ token: 't', username: 'a\nb' })])
      await expect(apply(processor, secret)).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
    for (const fields of [{}, { 'X-A': '' }, { 'X-A': 'a', 'x-a': 'b' }, { 'X-A': 1 as never }, [] as never])
      expect(() => headers({ fields })).toThrow(invalid)
  })

  const rerouting = [
    ...['Host', 'Forwarded', 'X-Forwarded-Host', 'X-HTTP-Method-Override', 'x_http_method_override', 'X-Original-URL'],
    ...['X-Rewrite-Url', 'X-Host', 'Destination', 'X-Middleware-Subrequest', 'X-Real-IP', 'Expect', 'Trailer'],
    ...['Keep-Alive', 'Proxy-Authorization', 'Sec-Fetch-Site', 'HTTP2-Settings'],
  ]
  it('ORG-16 cannot write a header or parameter by which a server reads another method, path or host', () => {
    for (const name of rerouting) {
      expect(() => header({ name }), name).toThrow(/^header: `name` must be the name of a header that can carry/)
      expect(() => headers({ fields: { [name]: 'a' } }), name).toThrow(/^headers: each name in `fields` must be/)
      expect(() => hmac({ header: name, covers: ['body'] }), name).toThrow(/^hmac: `header` must be/)
      expect(() => hmac({ header: 'x-signature', timestampHeader: name }), name).toThrow(
        /^hmac: `timestampHeader` must be/,
      )
    }
    for (const name of ['_method', 'X-HTTP-Method-Override', 'http_method_override']) {
      expect(() => query({ name }), name).toThrow(/interpret as the method/)
    }
    for (const name of ['X-Api-Key', 'Cookie', 'X-Auth-Token', 'X-Custom'])
      expect(header({ name }).headers).toEqual([name.toLowerCase()])
  })

  it('basic encodes name and password in UTF-8', async () => {
    const value = (await apply(basic({ username: 'ann' }), 'pä ss')).headers.get('authorization') ?? ''
    expect(Buffer.from(value.slice(6), 'base64').toString()).toBe('ann:pä ss')
    expect((await apply(basic(), login)).headers.get('authorization')).toBe(`Basic ${btoa('ann:pass word')}`)
    expect(() => basic({ username: 'a:b' })).toThrow(invalid)
    await expect(apply(basic({ username: 'a' }), 'p\n')).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
    await expect(apply(basic(), 'not fields')).rejects.toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
  })

  it('query adds an encoded parameter', async () => {
    expect((await apply(query({ name: 'key' }), 'a&b=c')).url.href).toBe('https://a.example/p?q=1&key=a%26b%3Dc')
    expect(() => query({ name: 'a&b' })).toThrow(invalid)
  })

  it('hmac signs everything by default, and can sign as well-known services require', async () => {
    const body = new TextEncoder().encode('{"a":1}')
    const everything = hmac({ header: 'x-signature', timestampHeader: 'x-time' })
    const signed = await apply(everything, 'k', { method: 'POST', body })
    const expected = createHmac('sha256', 'k').update(`POST\n/p\nq=1\n${NOON}\n{"a":1}`).digest('hex')
    expect(signed.headers.get('x-signature')).toBe(expected)
    expect(signed.headers.get('x-time')).toBe(String(NOON))

    const github = hmac({ header: 'X-Hub-Signature-256', covers: ['body'], format: 'sha256={signature}' })
    // The example of "Validating webhook deliveries" in GitHub's documentation.
    const hello = { method: 'POST', body: new TextEncoder().encode('Hello, World!') }
    expect((await apply(github, "It's a Secret to Everybody", hello)).headers.get('x-hub-signature-256')).toBe(
      'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    )

    const other = hmac({
      header: 'x-s',
      covers: ['timestamp', 'body'],
      separator: '.',
      timestampHeader: 'x-t',
      hash: 'SHA-512',
      encoding: 'base64',
    })
    expect((await apply(other, 'k', { body })).headers.get('x-s')).toBe(
      createHmac('sha512', 'k').update(`${NOON}.{"a":1}`).digest('base64'),
    )
  })

  it('hmac refuses parameters that contradict each other', () => {
    expect(() => hmac({ header: 'x', covers: [] })).toThrow(invalid)
    expect(() => hmac({ header: 'x', covers: ['timestamp'] })).toThrow(invalid)
    expect(() => hmac({ header: 'x', covers: ['body'], timestampHeader: 'y' })).toThrow(invalid)
    expect(() => hmac({ header: 'x', covers: ['body'], format: 'none' })).toThrow(invalid)
    expect(() => hmac({ header: 'x', covers: ['host' as 'body'] })).toThrow(invalid)
  })

  it('sigV4 signs with permanent and temporary keys', async () => {
    const keys = { accessKeyId: 'AKID', secretAccessKey: 'sk' }
    const processor = sigV4({ region: 'eu-central-1', service: 's3' })
    const signed = await apply(processor, Secret.ofFields({ ...keys, sessionToken: 'st' }))
    expect(signed.headers.get('x-amz-security-token')).toBe('st')
    expect(signed.headers.get('authorization')).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKID\/20260101\/eu-central-1\/s3\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature=[0-9a-f]{64}$/,
    )
    const plain = await apply(processor, Secret.ofFields(keys))
    expect(plain.headers.get('x-amz-security-token')).toBeNull()
    expect(() => sigV4({ region: 'EU', service: 's3' })).toThrow(invalid)
  })

  it('SEC-07 refuse a secret that would end a header, without showing it', async () => {
    for (const secret of ['a\r\nx: canary', 'canary\n', ' canary', 'canärÿ', 'a\0canary']) {
      for (const processor of [bearer(), header({ name: 'x-a' })]) {
        const error = (await apply(processor, secret).catch((caught: unknown) => caught)) as Error
        expect(error).toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
        expect(error.message).not.toContain('canary')
      }
      const fields = { accessKeyId: 'AKID', secretAccessKey: 'sk', sessionToken: 'st' }
      for (const field of ['accessKeyId', 'sessionToken']) {
        const keys = Secret.ofFields({ ...fields, [field]: secret })
        const signing = apply(sigV4({ region: 'eu-central-1', service: 's3' }), keys)
        const error = (await signing.catch((caught: unknown) => caught)) as Error
        expect(error, field).toMatchObject(vaultError('ERR_VAULT_INTEGRITY'))
        expect(error.message).not.toContain('canary')
      }
    }
  })
})

describe('descriptions of processors', () => {
  const tokenEndpoint = 'https://as.example/token'
  const all: readonly Processor[] = [
    bearer(),
    bearer({ field: 'a' }),
    header({ name: 'X-A' }),
    header({ name: 'X-A', format: 'T {secret}', field: 'a' }),
    basic(),
    basic({ username: 'ann' }),
    headers({ fields: { 'X-B': 'b', Authorization: 'a' } }),
    query({ name: 'k', field: 'f' }),
    hmac({ header: 'x', timestampHeader: 'y', field: 'k' }),
    hmac({ header: 'x', covers: ['body'], hash: 'SHA-512', encoding: 'base64', separator: '.' }),
    sigV4({ region: 'eu-central-1', service: 'sts' }),
    clientCredentials({ tokenEndpoint, clientId: 'c' }),
    clientCredentials({
      tokenEndpoint,
      clientId: 'c',
      authentication: 'post',
      scopes: { '/a': 'x y' },
      resource: 'https://r.example',
      field: 'f',
    }),
    refreshToken({ tokenEndpoint, clientId: 'c', authentication: 'none', scopes: { '/a': 'x' } }),
    refreshToken({ tokenEndpoint, clientId: 'c' }),
    refreshToken({ tokenEndpoint, clientId: 'c', resource: 'https://mail.example/mcp', lifetime: 300 }),
  ]
  for (const processor of all) {
    it(`VLT-30 give back the processor: ${JSON.stringify(processor.description)}`, () => {
      const stored: unknown = JSON.parse(JSON.stringify(processor.description))
      const again = parseProcessor(stored)
      expect(again.description).toEqual(processor.description)
      expect([again.headers, again.parameters]).toEqual([processor.headers, processor.parameters])
    })
  }

  it('VLT-30 give back every processor that the package exports', () => {
    const makers = Object.values(processors).filter((value) => typeof value === 'function')
    expect(new Set(all.map(({ description }) => description.type)).size).toBe(makers.length)
  })

  it('VLT-30 are refused when a part of them is unknown or malformed', () => {
    for (const description of [
      null,
      'bearer',
      [],
      {},
      { type: 'unknown' },
      { type: '__proto__' },
      { type: 'bearer', only: '/v1' },
      { type: 'bearer', field: 1 },
      { type: 'header', name: 'x' },
      {
        type: 'hmac',
        header: 'x',
        format: '{signature}',
        covers: 'body',
        separator: '',
        hash: 'SHA-256',
        encoding: 'hex',
      },
      {
        type: 'hmac',
        header: 'x',
        format: '{signature}',
        covers: ['body'],
        separator: '',
        hash: 'MD5',
        encoding: 'hex',
      },
      { type: 'client-credentials', tokenEndpoint: 'http://as.example/', clientId: 'c', authentication: 'basic' },
      { type: 'refresh-token', tokenEndpoint, clientId: 'c', authentication: 'basic', scopes: { '/a': 1 } },
      { type: 'refresh-token', tokenEndpoint, clientId: 'c', authentication: 'basic', scopes: ['x'] },
    ]) {
      expect(() => parseProcessor(description), JSON.stringify(description)).toThrow(
        expect.objectContaining(vaultError('ERR_VAULT_CONFIGURATION')),
      )
    }
  })
})

describe('a processor of the service', () => {
  const whole = {
    description: { type: 'own' },
    headers: [],
    parameters: [],
    apply: (request: OutgoingRequest) => request,
  }
  const make = (processor: object) => (): unknown =>
    memoryVault({ crm: { secret: 'canary-1', origins: ['https://a.example'], processor: processor as Processor } })

  it('GRD-09 is refused when the vault is made, if a part of it is missing', () => {
    expect(make(whole)).not.toThrow()
    expect(make(Object.create(whole))).not.toThrow()
    for (const part of Object.keys(whole)) {
      for (const wrong of [undefined, null, 7, 'x', [7], {}]) {
        expect(make({ ...whole, [part]: wrong }), `${part}: ${String(wrong)}`).toThrow(invalid)
      }
    }
  })
})
