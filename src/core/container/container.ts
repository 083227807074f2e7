/**
 * Containers: tokens in one string or byte array (UCAN Container 0.1.0). They carry no CIDs, so a reader has to compute
 * them.
 *
 * @module
 */

import { gunzip, gzip } from '#platform'
import { type Bounds, defaultBounds } from '../../bounds.ts'
import { ArgumentError, MalformedError } from '../../errors.ts'
import { refusePromise } from '../../support/options.ts'
import type { InflateFault } from '../../support/platform/member.ts'
import { decodeBase64, decodeBase64url, encodeBase64url } from '../ipld/base.ts'
import { compareBytes, concatBytes } from '../ipld/bytes.ts'
import { readEnd, readValue } from '../ipld/decode.ts'
import { encodeCbor } from '../ipld/encode.ts'
import { createScanner } from '../ipld/scanner.ts'
import { isBytes, isList, isMap } from '../ipld/value.ts'
import { readHeader } from './header.ts'

/** Anything with the bytes of a token: a delegation, an invocation, or `{ bytes }`. */
export type TokenLike = { readonly bytes: Uint8Array }

/** The key of the token list in the container map. */
const containerKey = 'ctn-v1'

/**
 * Puts tokens into one base64url string (header byte `C`), for HTTP headers, JSON and MCP metadata.
 *
 * @param tokens - an invocation and its proofs, or delegations to pass on, in any order. Duplicates are dropped.
 *
 * @example
 * ```ts
 * import { encodeContainer } from 'procura'
 *
 * const headers = { authorization: `Bearer ${encodeContainer([call, grant])}` }
 * ```
 */
export function encodeContainer(tokens: Iterable<TokenLike>): string {
  return `C${encodeBase64url(containerBytes(tokens))}`
}

/** Puts tokens into bytes (header byte `@`). */
export function encodeContainerBytes(tokens: Iterable<TokenLike>): Uint8Array {
  return concatBytes([Uint8Array.of(0x40), containerBytes(tokens)])
}

/**
 * Puts tokens into one base64url string like {@link encodeContainer}, compressed with gzip (header byte `P`) if that is
 * shorter.
 */
export async function compressContainer(tokens: Iterable<TokenLike>): Promise<string> {
  const plain = containerBytes(tokens)
  const packed = await gzip(plain)
  return packed.length < plain.length ? `P${encodeBase64url(packed)}` : `C${encodeBase64url(plain)}`
}

/**
 * Splits a container into the bytes of its tokens, which are not checked.
 *
 * @param borrow - returns views of the caller's bytes where they are not shared with other threads, and not copies. The
 *   caller may change them as soon as other code runs.
 * @returns the tokens in their order; a promise when the container is compressed and there is no Node.
 * @throws MalformedError when the input is not a container, or exceeds a limit.
 */
export function splitContainer(
  container: string | Uint8Array,
  bounds: Bounds = defaultBounds,
  borrow: boolean = false,
): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
  const { isCompressed, body } = openHeader(container, bounds, borrow)
  if (!isCompressed) return readTokens(body, bounds)
  const read = (inflated: Uint8Array | InflateFault): readonly Uint8Array[] =>
    readTokens(checkInflated(inflated, bounds), bounds)
  const inflated: Uint8Array | InflateFault | Promise<Uint8Array | InflateFault> = gunzip(body, bounds.containerBytes)
  return inflated instanceof Promise ? inflated.then(read) : read(inflated)
}

function containerBytes(tokens: Iterable<TokenLike>): Uint8Array {
  refusePromise('tokens', tokens)
  // A single token that was passed without a list becomes an empty list.
  const list = Array.from(tokens ?? [], (token, at) => {
    refusePromise(`tokens[${at}]`, token)
    return token?.bytes
  })
  if (list.length === 0) throw new ArgumentError('`tokens` must be a non-empty list of tokens')
  if (list.some((bytes) => !(bytes instanceof Uint8Array)))
    throw new ArgumentError('every item of `tokens` must be a token')
  // The specification requires bytewise order without duplicates of writers, and neither of containers that are read.
  const sorted = list
    .sort(compareBytes)
    .filter((bytes, index) => index === 0 || compareBytes(bytes, list[index - 1] as Uint8Array) !== 0)
  return encodeCbor({ [containerKey]: sorted })
}

function openHeader(
  container: string | Uint8Array,
  bounds: Bounds,
  borrow: boolean,
): { isCompressed: boolean; body: Uint8Array } {
  // Four characters carry three bytes. The length is checked before any of the input is decoded.
  if (container.length > 1 + Math.ceil(bounds.containerBytes / 3) * 4) {
    throw new MalformedError('LIM-01', `the container is longer than ${bounds.containerBytes} bytes`, {
      kind: 'too_large',
    })
  }
  const header = readHeader(container)
  if (header === undefined) throw notContainer(container)
  const { encoding, isCompressed } = header
  if (encoding === 'bytes') {
    if (typeof container === 'string')
      throw new MalformedError('CTN-02', 'a raw container must be passed as bytes, not as a string')
    const { buffer, byteOffset, byteLength } = container
    // A copy, because the caller may change the bytes while a decision waits, and another thread at any time.
    const isBorrowed = borrow && !isCompressed && buffer instanceof ArrayBuffer
    const body = new Uint8Array(buffer, byteOffset + 1, byteLength - 1)
    return { isCompressed, body: isBorrowed ? body : new Uint8Array(body) }
  }
  const text = (typeof container === 'string' ? container : asciiText(container)).slice(1)
  const decode = encoding === 'base64' ? decodeBase64 : decodeBase64url
  return { isCompressed, body: decode(text, bounds.containerBytes) }
}

/** Makes the error for an input that is not a container. */
export function notContainer(input: unknown): MalformedError {
  const isInput = typeof input === 'string' || input instanceof Uint8Array
  const fault = !isInput
    ? 'the container is missing: it must be a string or a Uint8Array'
    : input.length === 0
      ? 'the container is empty'
      : 'the input is not a container of a known form'
  return new MalformedError('CTN-01', `${fault}; send the string that \`encodeContainer\` returns`, {
    kind: 'unsupported',
  })
}

/** Decodes base64 that was passed as bytes. A byte beyond ASCII becomes a character that base64 refuses. */
function asciiText(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes)
}

/** Reads the tokens as views of the body. */
function readTokens(body: Uint8Array, bounds: Bounds): readonly Uint8Array[] {
  const { containerBytes, tokenBytes } = bounds
  const scanner = createScanner(
    body,
    { bytes: containerBytes, depth: 2, items: bounds.tokens + 3, stringBytes: tokenBytes },
    { views: true },
  )
  const map = readValue(scanner)
  readEnd(scanner)
  const tokens =
    isMap(map) && Object.keys(map).length === 1 && Object.hasOwn(map, containerKey) ? map[containerKey] : undefined
  if (tokens === undefined || !isList(tokens)) {
    throw new MalformedError(
      'CTN-04',
      `the container must be a map with the one key \`${containerKey}\` and a list of tokens`,
    )
  }
  if (!tokens.every(isBytes)) throw new MalformedError('CTN-05', 'the container lists a value that is not bytes')
  return tokens
}

function checkInflated(result: Uint8Array | InflateFault, bounds: Bounds): Uint8Array {
  if (result === 'too_large') {
    throw new MalformedError('LIM-02', `the container inflates to more than ${bounds.containerBytes} bytes`, {
      kind: 'too_large',
    })
  }
  if (result === 'not_gzip')
    throw new MalformedError('CTN-03', 'the container must be exactly one gzip member, as its first byte announces')
  return result
}
