import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { encodeHex } from '../../src/core/ipld/hex.ts'
import { sha256Bytes } from '../../src/support/digest.ts'
import { signAwsRequest } from '../../src/vault/stores/aws/sign-request.ts'
import {
  authorizationHeader,
  canonicalRequest,
  type SignableRequest,
  stringToSign,
} from '../../src/vault/stores/aws/sigv4.ts'

interface Case {
  readonly name: string
  readonly context: {
    readonly credentials: {
      readonly access_key_id: string
      readonly secret_access_key: string
      readonly token?: string
    }
    readonly normalize: boolean
    readonly region: string
    readonly service: string
    readonly sign_body: boolean
    readonly timestamp: string
    readonly omit_session_token?: boolean
  }
  readonly request: string
  readonly canonicalRequest: string
  readonly stringToSign: string
  readonly signature: string
}

const { cases } = JSON.parse(readFileSync(new URL('fixtures/aws-sigv4.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly Case[]
}

/**
 * Reads a request of the suite. The path is as the client of the suite sends it, with or without resolved dot segments.
 */
async function readRequest(entry: Case): Promise<SignableRequest> {
  const [head = '', body = ''] = entry.request.split(/\r?\n\r?\n/)
  const [line = '', ...fields] = head.split(/\r?\n(?![ \t])/)
  const target = line.slice(line.indexOf(' ') + 1, line.lastIndexOf(' '))
  const [path = '', query = ''] = target.split('?')
  const headers = fields
    .filter((field) => field !== '')
    .map((field): [string, string] => [field.slice(0, field.indexOf(':')), field.slice(field.indexOf(':') + 1)])
  const { token } = entry.context.credentials
  headers.push(['X-Amz-Date', entry.context.timestamp.replaceAll(/[-:]/g, '')])
  const bodyHash = encodeHex(await sha256Bytes(new TextEncoder().encode(body)))
  if (entry.context.sign_body) headers.push(['x-amz-content-sha256', bodyHash])
  if (token !== undefined && entry.context.omit_session_token !== true) headers.push(['X-Amz-Security-Token', token])
  return {
    method: line.slice(0, line.indexOf(' ')),
    path: entry.context.normalize ? normalize(path) : path,
    query:
      query === ''
        ? []
        : query.split('&').map((pair): [string, string] => {
            const [name = '', value = ''] = pair.split('=')
            return [decodeURIComponent(name), decodeURIComponent(value)]
          }),
    headers,
    bodyHash,
  }
}

/** Resolves RFC 3986 dot segments and empty segments, like the normalizing clients of the suite. */
function normalize(path: string): string {
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '.' && segment !== '') kept.push(segment)
  }
  const trailing = kept.length > 0 && /\/(?:\.{0,2})$/.test(path) ? '/' : ''
  return `/${kept.join('/')}${trailing}`
}

describe('AWS Signature Version 4', () => {
  it('VLT-29 is tested with the whole published suite', () => {
    expect(cases.length).toBe(38)
  })

  for (const entry of cases) {
    it(`VLT-29 signs ${entry.name} as AWS does`, async () => {
      const { region, service, credentials, timestamp } = entry.context
      const scope = { region, service, time: Date.parse(timestamp) / 1000 }
      const request = await readRequest(entry)
      const canonical = canonicalRequest(request, 'encoded-twice')
      expect(canonical).toBe(entry.canonicalRequest)
      expect(await stringToSign(canonical, scope)).toBe(entry.stringToSign)
      const keys = { accessKeyId: credentials.access_key_id, secretAccessKey: credentials.secret_access_key }
      const value = await authorizationHeader(request, keys, scope, 'encoded-twice')
      expect(value.slice(value.indexOf('Signature=') + 10)).toBe(entry.signature)
    })
  }

  const s3 = { region: 'us-east-1', service: 's3', time: Date.parse('2013-05-24T00:00:00Z') / 1000 }
  const keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }

  it('VLT-29 signs the S3 example "GET bucket lifecycle" of the S3 API reference', async () => {
    const url = new URL('https://examplebucket.s3.amazonaws.com/?lifecycle')
    const signed = await signAwsRequest({ method: 'GET', url, headers: new Headers() }, keys, s3)
    expect(signed.url.search).toBe('?lifecycle')
    expect(signed.headers.get('authorization')).toMatch(
      /fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543$/,
    )
  })

  it('VLT-29 signs several slashes as one, like all services except S3', async () => {
    const sign = async (path: string, service: string): Promise<string | null> => {
      const url = new URL(`https://host.example${path}`)
      const signed = await signAwsRequest({ method: 'GET', url, headers: new Headers() }, keys, { ...s3, service })
      expect(signed.url.pathname).toBe(path)
      return signed.headers.get('authorization')
    }
    expect(await sign('//x///y', 'execute-api')).toBe(await sign('/x/y', 'execute-api'))
    expect(await sign('//x///y', 's3')).not.toBe(await sign('/x/y', 's3'))
  })

  it('VLT-29 signs the S3 example "GET bucket, list objects" of the S3 API reference', async () => {
    const url = new URL('https://examplebucket.s3.amazonaws.com/?prefix=J&max-keys=2')
    const signed = await signAwsRequest({ method: 'GET', url, headers: new Headers() }, keys, s3)
    expect(signed.headers.get('authorization')).toMatch(
      /34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7$/,
    )
  })

  it('encodes an S3 path once, whatever was encoded in the URL', () => {
    const request = { method: 'PUT', path: "/te(st'$%24%20file", query: [], headers: [], bodyHash: '' }
    expect(canonicalRequest(request, 'encoded-once').split('\n')[1]).toBe('/te%28st%27%24%24%20file')
  })
})
