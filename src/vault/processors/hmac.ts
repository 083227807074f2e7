import { ArgumentError } from '../../errors.ts'
import { encodeBase64, encodeHex } from '../../ipld/base.ts'
import { concatBytes } from '../../ipld/bytes.ts'
import { hmacBytes } from '../../support/digest.ts'
import { arrayOf, either, maybe, nonEmptyString, oneOfStrings, readOptions } from '../../support/options.ts'
import type { OutgoingRequest, Processor } from '../processor.ts'
import { type FieldParameter, optional } from './field.ts'
import { headerName } from './header.ts'

/** A part of a request that a signature covers. */
export type SignedPart = 'method' | 'path' | 'query' | 'timestamp' | 'body'

/** Parameters of {@link hmac}. */
export interface HmacParameters extends FieldParameter {
  /** Header for the signature, for example `X-Signature-256`. */
  readonly header: string
  /** The value, with `{signature}` once. Default `{signature}`. Example: `sha256={signature}`. */
  readonly format?: string
  /** What is signed, in this order. Default: all five. `query` is without its question mark. */
  readonly covers?: readonly SignedPart[]
  /** Text between the parts. Default: a line feed. */
  readonly separator?: string
  /** Header for the time in whole seconds. Needed when `covers` has `timestamp`. */
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
  readOptions('hmac', parameters, {
    header: nonEmptyString,
    format: maybe(nonEmptyString),
    covers: maybe(arrayOf(oneOfStrings(...knownParts))),
    separator: maybe(either(nonEmptyString, oneOfStrings(''))),
    timestampHeader: maybe(nonEmptyString),
    hash: maybe(oneOfStrings('SHA-256', 'SHA-512')),
    encoding: maybe(oneOfStrings('hex', 'base64')),
    field: maybe(nonEmptyString),
  })
  const {
    covers = knownParts,
    separator = '\n',
    hash = 'SHA-256',
    encoding = 'hex',
    format = '{signature}',
    field,
  } = parameters
  const name = headerName('hmac: `header`', parameters.header)
  const timestampName =
    parameters.timestampHeader === undefined
      ? undefined
      : headerName('hmac: `timestampHeader`', parameters.timestampHeader)
  const [before, after, ...more] = format.split('{signature}')
  if (before === undefined || after === undefined || more.length > 0) {
    throw new ArgumentError('hmac: `format` must have `{signature}` once')
  }
  if (covers.length === 0) {
    throw new ArgumentError(`\`covers\` must name some of ${knownParts.join(', ')}`)
  }
  if (covers.includes('timestamp') !== (timestampName !== undefined)) {
    throw new ArgumentError('`timestampHeader` and the part `timestamp` go together')
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
      const timestamp = String(Math.floor(clock.now()))
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

const knownParts: readonly SignedPart[] = ['method', 'path', 'query', 'timestamp', 'body']
