/**
 * Containers: tokens in one string or byte array (UCAN Container 0.1.0). No CID travels with them, so that a reader
 * has to compute each.
 *
 * @module
 */

import { gunzip, gzip } from '#gzip'
import { ArgumentError, MalformedError } from '../errors.ts'
import { decodeBase64, decodeBase64url, encodeBase64url } from '../ipld/base.ts'
import { compareBytes } from '../ipld/bytes.ts'
import { concatBytes } from '../ipld/concat.ts'
import { readEnd, readValue } from '../ipld/decode.ts'
import { encodeCbor } from '../ipld/encode.ts'
import { createScanner } from '../ipld/scanner.ts'
import { isBytes, isList, isMap } from '../ipld/value.ts'
import { defaultLimits, type Limits } from '../limits.ts'
import { refusePromise } from '../support/options.ts'
import type { InflateFault } from './gzip/member.ts'

/** How the bytes of a container are written: as text for headers and JSON, or as they are. */
export type ContainerEncoding = 'base64url' | 'base64' | 'bytes'

/** Anything that has token bytes: a delegation, an invocation, or the bytes in hand. */
export type TokenLike = { readonly bytes: Uint8Array }

/**
 * The first byte of a container tells how the rest is written. The six of the specification, and the three other letters
 * that some implementations write for gzip: the sets do not overlap, so that reading both is safe. Only the former are
 * written.
 */
const headers = '@BC' + 'MOP' + 'DEF'
/** What each letter of three stands for. */
const encodings: readonly ContainerEncoding[] = ['bytes', 'base64', 'base64url']

/** The key of the token list in the container map. */
const containerKey = 'ctn-v1'

/**
 * Puts tokens into one base64url string (header byte `C`): fit for HTTP headers, JSON and MCP metadata.
 *
 * @param tokens - an invocation and its proofs, or delegations to hand over. Order does not matter; doubles are dropped.
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
 * Puts tokens into one base64url string as {@link encodeContainer} does, compressed with gzip (header byte `P`) when
 * that is shorter.
 */
export async function compressContainer(tokens: Iterable<TokenLike>): Promise<string> {
  const plain = containerBytes(tokens)
  const packed = await gzip(plain)
  return packed.length < plain.length ? `P${encodeBase64url(packed)}` : `C${encodeBase64url(plain)}`
}

/**
 * Takes a container apart. The tokens are bytes still: nothing about them has been checked.
 *
 * @returns the token bytes in the order found; a promise when it has to be inflated, where there is no Node.
 * @throws MalformedError when it is not a container, or beyond a limit.
 */
export function splitContainer(
  container: string | Uint8Array,
  limits: Limits = defaultLimits,
): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
  const { isCompressed, body } = openHeader(container, limits)
  if (!isCompressed) return readTokens(body, limits)
  const read = (inflated: Uint8Array | InflateFault): readonly Uint8Array[] =>
    readTokens(checkInflated(inflated, limits), limits)
  const inflated: Uint8Array | InflateFault | Promise<Uint8Array | InflateFault> = gunzip(body, limits.containerBytes)
  return inflated instanceof Promise ? inflated.then(read) : read(inflated)
}

function containerBytes(tokens: Iterable<TokenLike>): Uint8Array {
  refusePromise('tokens', tokens)
  // What is no list at all, one token that was passed as it is, comes out as an empty one.
  const list = Array.from(tokens ?? [], (token, at) => {
    refusePromise(`tokens[${at}]`, token)
    return token?.bytes
  })
  if (list.length === 0) throw new ArgumentError('a container needs a list of tokens')
  if (list.some((bytes) => !(bytes instanceof Uint8Array))) throw new ArgumentError('a container is made of tokens')
  // The specification wants the bytewise order and no doubles when written, and neither when read.
  const sorted = list
    .sort(compareBytes)
    .filter((bytes, index) => index === 0 || compareBytes(bytes, list[index - 1] as Uint8Array) !== 0)
  return encodeCbor({ [containerKey]: sorted })
}

function openHeader(container: string | Uint8Array, limits: Limits): { isCompressed: boolean; body: Uint8Array } {
  // Four characters carry three bytes; the input is measured before any of it is decoded.
  if (container.length > 1 + Math.ceil(limits.containerBytes / 3) * 4) {
    throw new MalformedError('LIM-01', `the container is longer than ${limits.containerBytes} bytes`, {
      kind: 'too_large',
    })
  }
  const first = typeof container === 'string' ? container.charCodeAt(0) : container[0]
  const at = headers.indexOf(String.fromCharCode(first ?? 0))
  const encoding = encodings[at % 3]
  if (encoding === undefined) throw notContainer(container)
  const isCompressed = at > 2
  if (encoding === 'bytes') {
    if (typeof container === 'string') throw new MalformedError('CTN-02', 'a container of raw bytes was passed as text')
    // A copy, so that what the caller does to the bytes while somebody waits changes nothing.
    return { isCompressed, body: new Uint8Array(container.subarray(1)) }
  }
  const text = (typeof container === 'string' ? container : asciiText(container)).slice(1)
  const decode = encoding === 'base64' ? decodeBase64 : decodeBase64url
  return { isCompressed, body: decode(text, limits.containerBytes) }
}

/** Makes the error for an input that is not a container. */
export function notContainer(input: unknown): MalformedError {
  const isInput = typeof input === 'string' || input instanceof Uint8Array
  const fault = !isInput
    ? 'the container is missing: it must be a string or a Uint8Array'
    : input.length === 0
      ? 'the container is empty'
      : 'the input is not a container: its first byte is not one of `@BCDEFMOP`'
  return new MalformedError('CTN-01', `${fault}; send the string of \`encodeContainer\``, { kind: 'unsupported' })
}

/** Base64 that came as bytes; a byte beyond ASCII stays a character that no base has. */
function asciiText(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes)
}

/** Reads the tokens as views of the body, which nobody else holds. */
function readTokens(body: Uint8Array, limits: Limits): readonly Uint8Array[] {
  const { containerBytes, tokenBytes } = limits
  const scanner = createScanner(
    body,
    { bytes: containerBytes, depth: 2, items: limits.tokens + 3, stringBytes: tokenBytes },
    { views: true },
  )
  const map = readValue(scanner)
  readEnd(scanner)
  const tokens =
    isMap(map) && Object.keys(map).length === 1 && Object.hasOwn(map, containerKey) ? map[containerKey] : undefined
  if (tokens === undefined || !isList(tokens)) {
    throw new MalformedError('CTN-04', `a container is a map of one key, \`${containerKey}\`, with a list of tokens`)
  }
  if (!tokens.every(isBytes)) throw new MalformedError('CTN-05', 'a container lists something that is not bytes')
  return tokens
}

function checkInflated(result: Uint8Array | InflateFault, limits: Limits): Uint8Array {
  if (result === 'too_large') {
    throw new MalformedError('LIM-02', `the container inflates to more than ${limits.containerBytes} bytes`, {
      kind: 'too_large',
    })
  }
  if (result === 'not_gzip')
    throw new MalformedError('CTN-03', 'the container is not one gzip member as its first byte says')
  return result
}
