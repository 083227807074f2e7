import { encodeBase64 } from '../../core/ipld/base.ts'
import { concatBytes } from '../../core/ipld/bytes.ts'
import { encodeHex } from '../../core/ipld/hex.ts'
import { ArgumentError } from '../../errors.ts'
import { hmacBytes } from '../../support/digest.ts'
import {
  arrayOf,
  either,
  maybe,
  nonEmptyString,
  type OptionChecks,
  oneOfStrings,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import { secondsOf } from '../../time.ts'
import type { OutgoingRequest, Processor } from '../processor.ts'
import { type FieldParameter, optional } from './field.ts'
import { headerName } from './header.ts'

/** A part of a request that a signature covers. */
export type SignedPart = 'method' | 'path' | 'query' | 'timestamp' | 'body'

/** Parameters of {@link hmac}. */
export interface HmacParameters extends FieldParameter {
  /** The header with the signature, for example `X-Signature-256`. */
  readonly header: string
  /** The value of the header, with `{signature}` once. Default `{signature}`. Example: `sha256={signature}`. */
  readonly format?: string
  /** The parts that are signed, in this order. Default: all five. `query` is without its question mark. */
  readonly covers?: readonly SignedPart[]
  /** The text between the parts. Default: a line feed. */
  readonly separator?: string
  /** The header with the time in seconds. Required when `covers` has `timestamp`. */
  readonly timestampHeader?: string
  /** Default `SHA-256`. */
  readonly hash?: 'SHA-256' | 'SHA-512'
  /** Default `hex`. */
  readonly encoding?: 'hex' | 'base64'
}

/**
 * Signs the request with the secret as an HMAC key (RFC 2104). The secret itself is not sent.
 *
 * @throws ArgumentError when a parameter is invalid, or the parameters do not fit together.
 */
export function hmac(parameters: HmacParameters): Processor {
  const { header, format, covers, separator, timestampHeader, hash, encoding, field } = readOptions(
    'hmac',
    parameters,
    hmacChecks,
  )
  const name = headerName('hmac: `header`', header)
  const timestampName =
    timestampHeader === undefined ? undefined : headerName('hmac: `timestampHeader`', timestampHeader)
  const [before, after, ...more] = format.split('{signature}')
  if (before === undefined || after === undefined || more.length > 0) {
    throw new ArgumentError('hmac: `format` must contain `{signature}` exactly once')
  }
  if (covers.length === 0) {
    throw new ArgumentError(`hmac: \`covers\` is empty; list some of ${knownParts.join(', ')}`)
  }
  if (covers.includes('timestamp') !== (timestampName !== undefined)) {
    throw new ArgumentError('hmac: set `timestampHeader` exactly when `covers` has `timestamp`')
  }
  return Object.freeze({
    description: {
      type: 'hmac',
      header: name,
      format,
      covers: [...covers],
      separator,
      hash,
      encoding,
      ...optional('timestampHeader', timestampName),
      ...optional('field', field),
    },
    headers: timestampName === undefined ? [name] : [name, timestampName],
    parameters: [],
    apply: async (request, secret, { clock }) => {
      const timestamp = String(secondsOf(clock))
      const key = field === undefined ? secret.revealBytes() : new TextEncoder().encode(secret.revealField(field))
      const signature = await hmacBytes(hash, key, signedBytes(request, covers, separator, timestamp))
      const headers = new Headers(request.headers)
      headers.set(name, `${before}${encoding === 'hex' ? encodeHex(signature) : encodeBase64(signature)}${after}`)
      if (timestampName !== undefined) headers.set(timestampName, timestamp)
      return { ...request, headers }
    },
  } satisfies Processor)
}

function signedBytes(
  request: OutgoingRequest,
  covers: readonly SignedPart[],
  separator: string,
  timestamp: string,
): Uint8Array {
  const encoder = new TextEncoder()
  const between = encoder.encode(separator)
  const parts = covers.map((part) => {
    if (part === 'body') return request.body ?? new Uint8Array(0)
    if (part === 'method') return encoder.encode(request.method)
    if (part === 'path') return encoder.encode(request.url.pathname)
    if (part === 'query') return encoder.encode(request.url.search.slice(1))
    return encoder.encode(timestamp)
  })
  return concatBytes(parts.flatMap((part, index) => (index === 0 ? [part] : [between, part])))
}

const knownParts: readonly SignedPart[] = Object.freeze(['method', 'path', 'query', 'timestamp', 'body'])

const hmacChecks = {
  header: nonEmptyString,
  format: withDefault(nonEmptyString, '{signature}'),
  covers: withDefault(arrayOf(oneOfStrings(...knownParts)), knownParts),
  separator: withDefault(either(nonEmptyString, oneOfStrings('')), '\n'),
  timestampHeader: maybe(nonEmptyString),
  hash: withDefault(oneOfStrings('SHA-256', 'SHA-512'), 'SHA-256'),
  encoding: withDefault(oneOfStrings('hex', 'base64'), 'hex'),
  field: maybe(nonEmptyString),
} satisfies OptionChecks<HmacParameters>
