/**
 * AWS Signature Version 4: the canonical form of a request, and its signature.
 *
 * @module
 */

import { encodeHex } from '../../../core/ipld/hex.ts'
import { hmacBytes, sha256Bytes } from '../../../support/digest.ts'
import type { Timestamp } from '../../../time.ts'

/** Access keys; temporary ones have a session token. */
export interface AwsKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** The scope in which a signature is valid. */
export interface SignatureScope {
  /** For example `eu-central-1`. */
  readonly region: string
  /** The name of the service in signatures, for example `secretsmanager`. */
  readonly service: string
  readonly time: Timestamp
}

/** The parts of a request that are signed. */
export interface SignableRequest {
  readonly method: string
  /** The path on the wire. */
  readonly path: string
  /** Decoded names and values, in the order of the wire. */
  readonly query: readonly (readonly [string, string])[]
  /** All headers that are signed, including `host` and `x-amz-date`. */
  readonly headers: readonly (readonly [string, string])[]
  /** SHA-256 of the body in hexadecimal. */
  readonly bodyHash: string
}

/** How the canonical form encodes the path: once for S3, twice for every other service. */
export type PathRule = 'encoded-once' | 'encoded-twice'

/**
 * Signs a request.
 *
 * @returns the value of the `Authorization` header.
 */
export async function authorizationHeader(
  request: SignableRequest,
  keys: AwsKeys,
  scope: SignatureScope,
  pathRule: PathRule,
): Promise<string> {
  const encoder = new TextEncoder()
  // VLT-29
  const canonical = canonicalRequest(request, pathRule)
  const toSign = await stringToSign(canonical, scope)
  const date = amzDate(scope.time).slice(0, 8)
  let key: Uint8Array = encoder.encode(`AWS4${keys.secretAccessKey}`)
  for (const part of [date, scope.region, scope.service, 'aws4_request', toSign]) {
    key = await hmacBytes('SHA-256', key, encoder.encode(part))
  }
  const credential = `${keys.accessKeyId}/${credentialScope(scope)}`
  return `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders(request)}, Signature=${encodeHex(key)}`
}

/** The canonical form, which client and server hash. */
export function canonicalRequest(request: SignableRequest, pathRule: PathRule): string {
  const path = pathRule === 'encoded-twice' ? encode(request.path, '/') : encode(decode(request.path), '/')
  const headers = groupHeaders(request).map(([name, value]) => `${name}:${value}\n`)
  return [
    request.method,
    path === '' ? '/' : path,
    canonicalQuery(request.query),
    headers.join(''),
    signedHeaders(request),
    request.bodyHash,
  ].join('\n')
}

/** The query in canonical order and encoding. */
function canonicalQuery(query: readonly (readonly [string, string])[]): string {
  const encoded = query.map(([name, value]) => [encode(name), encode(value)] as const)
  return encoded
    .sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

/** The text that the key signs. */
export async function stringToSign(canonical: string, scope: SignatureScope): Promise<string> {
  const hash = encodeHex(await sha256Bytes(new TextEncoder().encode(canonical)))
  return ['AWS4-HMAC-SHA256', amzDate(scope.time), credentialScope(scope), hash].join('\n')
}

/** A time as `20150830T123600Z`. */
export function amzDate(time: Timestamp): string {
  return `${new Date(time * 1000).toISOString().slice(0, 19).replaceAll('-', '').replaceAll(':', '')}Z`
}

function credentialScope(scope: SignatureScope): string {
  return `${amzDate(scope.time).slice(0, 8)}/${scope.region}/${scope.service}/aws4_request`
}

function signedHeaders(request: SignableRequest): string {
  return groupHeaders(request)
    .map(([name]) => name)
    .join(';')
}

/** Headers by lower-case name, sorted by name. Values have single spaces; values of one name are joined by commas. */
function groupHeaders(request: SignableRequest): readonly (readonly [string, string])[] {
  const groups = new Map<string, string[]>()
  for (const [name, value] of request.headers) {
    const lower = name.toLowerCase()
    const tidy = value
      .split(/[ \t\r\n]+/)
      .filter((word) => word !== '')
      .join(' ')
    groups.set(lower, [...(groups.get(lower) ?? []), tidy])
  }
  return [...groups].map(([name, values]) => [name, values.join(',')] as const).sort(([a], [b]) => compare(a, b))
}

/** Percent-encodes all bytes except the unreserved characters of RFC 3986 and `keep`. */
function encode(text: string, keep = ''): string {
  let encoded = ''
  for (const byte of new TextEncoder().encode(text)) {
    const character = String.fromCharCode(byte)
    const plain = /^[A-Za-z0-9._~-]$/.test(character) || (keep !== '' && character === keep)
    encoded += plain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

/** Decodes percent-encoding. Malformed text is returned unchanged. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
