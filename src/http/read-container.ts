/**
 * The one container of an HTTP request.
 *
 * @module
 */

import { ArgumentError } from '../errors.ts'
import {
  type DefaultCheck,
  flag,
  integerFrom,
  type OptionChecks,
  readOptions,
  withDefault,
} from '../support/options.ts'
import { type NodeRequest, readBody } from '../support/read-body.ts'

/** Options of {@link readContainer}. */
export interface ReadContainerOptions {
  /** Longest container in a header, in characters. Default 8,192: servers take 8 to 16 KiB for all headers together. */
  readonly headerCharacters?: number
  /** Longest container in a body, in bytes. Default 349,529: base64 of the largest accepted container. */
  readonly bodyBytes?: number
  /**
   * Whether `Authorization: Bearer` may contain another token, such as an OAuth access token. That token is ignored,
   * and the container may be in another place. A token that begins like a container, or like an archive of
   * `procura/ucanto`, still counts as a container. Default false.
   */
  readonly otherBearerTokens?: boolean
}

/** The unchecked container of a request, or the status and message of a response. */
export type ContainerReading =
  | { readonly found: true; readonly container: string | Uint8Array }
  | {
      readonly found: false
      /** 400: malformed, or several containers; 401: missing; 413: body too long; 431: header too long. */
      readonly status: 400 | 401 | 413 | 431
      /** The remedy, for the sender. It contains nothing of the request. */
      readonly message: string
    }

/** The media type of a body that is a container. */
export const mediaType = 'application/x-ucan-container'

/** The places for a container. */
const missing = `send a container in \`Authorization: Bearer\`, in \`X-UCAN-Container\`, or as a body of \`${mediaType}\``

/**
 * Extracts the container of a request from its one place: `Authorization: Bearer …`, `X-UCAN-Container: …`, or a body
 * of the type `application/x-ucan-container`. Two containers, even if identical, are refused, because another reader of
 * the request could use the other one. For the same reason, an `Authorization` is refused that only another reader
 * could take for a bearer token. HTP-01
 *
 * URL, cookies and forms are not searched: they are logged, or browsers send them automatically. A body of another type
 * is not read.
 *
 * @param request - a `Request`, or a request of `node:http` whose body was not read.
 * @returns the container, for a guard; or the status and message of a response. Hostile requests do not throw.
 * @throws ArgumentError when `request` is not a request, its body was read before, or an option is invalid.
 *
 * @example
 * ```ts
 * import { readContainer } from 'procura/http'
 *
 * const reading = await readContainer(request)
 * const result = reading.found ? await guard.use(reading.container, ({ args }) => `sent to ${args.to}`) : undefined
 * ```
 */
export async function readContainer(
  request: Request | NodeRequest,
  options: ReadContainerOptions = {},
): Promise<ContainerReading> {
  checkRequest(request)
  const reading = await readContainerOf(request, readOptions('readContainer', options, readingChecks), undefined)
  if (reading === bodyWasRead) {
    throw new ArgumentError(
      'readContainer: the body of the request was read before; call readContainer before a body parser',
    )
  }
  return reading
}

/** The checks of {@link ReadContainerOptions}. */
export const readingChecks: OptionChecks<ReadContainerOptions> & {
  readonly [Name in keyof ReadContainerOptions]-?: DefaultCheck
} = Object.freeze({
  headerCharacters: withDefault(integerFrom(1), 8_192),
  bodyBytes: withDefault(integerFrom(1), 349_529),
  otherBearerTokens: withDefault(flag, false),
})

/** HTP-20: the result for a container in a body that a parser has read and not kept. */
const bodyWasRead: ContainerReading = refused(
  400,
  'a body parser of the service has read the container; send it in a header, or exempt its media type from the parser',
)

/**
 * The same for an adapter.
 *
 * @param options - of {@link readingChecks}, with their defaults.
 * @param parsed - the body, if a parser of the framework has read it.
 */
export async function readContainerOf(
  request: Request | NodeRequest,
  { headerCharacters, bodyBytes, otherBearerTokens }: Required<ReadContainerOptions>,
  parsed: unknown,
): Promise<ContainerReading> {
  const headers = headersOf(request)
  for (const name of ['authorization', 'x-ucan-container']) {
    const values = headers.get(name) ?? []
    if (values.length > 1 || values[0]?.includes(',')) return refused(400, `send \`${name}\` once, with one value`)
  }
  // Servers with an interface like CGI read all punctuation marks as the same character.
  const asRead = (name: string): string => name.replaceAll(/[^a-z0-9]/g, '-')
  if ([...headers.keys()].some((name) => name !== 'x-ucan-container' && asRead(name) === 'x-ucan-container')) {
    return refused(400, 'write `x-ucan-container` with hyphens')
  }
  const bearer = bearerOf(headers.get('authorization')?.[0])
  if (bearer === null) return refused(400, 'write `authorization` as `Bearer`, a space and one token')
  // HTP-08
  const isOther = otherBearerTokens && bearer !== undefined && !mayBeContainer(bearer)
  const inHeaders = [...(bearer === undefined || isOther ? [] : [bearer]), ...(headers.get('x-ucan-container') ?? [])]
  const types = typesOf(headers)
  const inBody = types.some(isMediaType)
  if (inHeaders.length + Number(inBody) > 1 || (inBody && types.length > 1)) {
    return refused(400, 'send the container in one place: a header or the body')
  }
  const [value] = inHeaders
  if (value !== undefined) {
    // HTP-02
    if (value.length > headerCharacters) {
      return refused(
        431,
        `the container is longer than ${headerCharacters} characters; send it as a body of \`${mediaType}\``,
      )
    }
    if (value === '') return refused(400, `the header is empty; ${missing}`)
    if (!/^[A-Za-z0-9+/=_-]+$/.test(value)) return refused(400, 'the header does not contain a container in text form')
    return { found: true, container: value }
  }
  // HTP-04
  if (!inBody) return refused(401, missing)
  // `Request` and several servers drop the body of these methods.
  if (['GET', 'HEAD'].includes(Reflect.get(request, 'method')))
    return refused(400, 'a request with this method has no body; send the container in a header, or use POST')
  if (headers.has('content-encoding'))
    return refused(400, 'send the container without a content encoding; it has its own compression')
  const body = wasRead(request)
    ? readParsed(parsed, bodyBytes)
    : await readBody(request, bodyBytes, Number(headers.get('content-length')?.[0] ?? 0))
  if (body === undefined) return bodyWasRead
  // HTP-03
  if (body === 'too long') return refused(413, `the container is longer than ${bodyBytes} bytes`)
  if (body === 'broken off') return refused(400, 'the body is incomplete; send it again')
  return { found: true, container: isText(body) ? new TextDecoder('latin1').decode(body) : body }
}

/** The message does not contain the value: it may be the container itself. */
function checkRequest(request: unknown): void {
  const parts = (typeof request === 'object' && request !== null ? request : {}) as Partial<Request & NodeRequest>
  const headers: unknown = parts.rawHeaders ?? parts.headers
  if (typeof headers !== 'object' || headers === null || !(Symbol.iterator in headers)) {
    throw new ArgumentError('readContainer: `request` must be a Request, or a request of node:http with `rawHeaders`')
  }
}

/** Values by name in lower case. A `Request` joins repeated headers with commas, which no container has. */
export function headersOf(request: Request | NodeRequest): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  const add = (name: string, value: string): void => {
    const values = found.get(name) ?? []
    found.set(name, values)
    values.push(value)
  }
  if ('rawHeaders' in request) {
    const { rawHeaders } = request
    for (let index = 0; index < rawHeaders.length; index += 2) {
      add(rawHeaders[index]?.toLowerCase() ?? '', rawHeaders[index + 1] ?? '')
    }
  } else for (const [name, value] of request.headers) add(name, value)
  return found
}

/**
 * HTP-51: the token after the scheme `Bearer`; undefined for another scheme. Null for a value that contains the scheme
 * in another form: a reader that splits at any white space, or searches, would find a token there.
 */
function bearerOf(value: string | undefined): string | null | undefined {
  if (value === undefined || !/bearer/i.test(value)) return undefined
  return /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(value)?.[1] ?? null
}

/**
 * Whether a lenient reader could take a token for a container (by the key of its map, at any alignment of base64, or by
 * the first bytes of gzip) or an archive (by the first bytes of a CAR file or a CID). Lenient readers skip characters
 * outside their alphabet, which has `+` and `/`, `-` and `_`, or all of these.
 */
function mayBeContainer(token: string): boolean {
  return [/[.~]/g, /[.~_-]/g, /[.~+/]/g].some((ignored) =>
    /^(?:[BC].*(?:Y3RuLXYx|jdG4tdj|N0bi12M)|[EFOP]H4sI|[mu]?OqJl|[mu]AYIE)/.test(token.replace(ignored, '')),
  )
}

function typesOf(headers: ReadonlyMap<string, readonly string[]>): readonly string[] {
  return (headers.get('content-type') ?? []).flatMap((value) => value.split(','))
}

function isMediaType(type: string): boolean {
  return type.split(';')[0]?.trim().toLowerCase() === mediaType
}

/**
 * Reads the body of a request whose container is in a header. If the container is the body, the rest is empty.
 *
 * @returns undefined if a parser has read the body, and has not kept its bytes.
 */
export async function readRest(
  request: Request | NodeRequest,
  most: number,
  parsed: unknown,
): Promise<Uint8Array | 'too long' | 'broken off' | undefined> {
  const headers = headersOf(request)
  if (typesOf(headers).some(isMediaType)) return new Uint8Array(0)
  if (wasRead(request)) {
    // A parser has decoded a body with a content encoding, and a text may have lost a mark or a charset.
    return parsed instanceof Uint8Array && !headers.has('content-encoding') ? readParsed(parsed, most) : undefined
  }
  return readBody(request, most, Number(headers.get('content-length')?.[0] ?? 0))
}

/**
 * The body of a request for its handler, if it was read before the decision. If the container is the body, the rest is
 * empty.
 *
 * @returns undefined if the body is unread; `lost` if a parser has read it, and has not kept its bytes.
 */
export function bodyReadBefore(request: Request | NodeRequest, parsed: unknown): Uint8Array | 'lost' | undefined {
  if (!wasRead(request)) return undefined
  const headers = headersOf(request)
  if (typesOf(headers).some(isMediaType)) return new Uint8Array(0)
  // Its headers describe the bytes that were sent, which a parser has decoded.
  if (headers.has('content-encoding') || (typeof parsed === 'string' && hasOtherCharset(headers))) return 'lost'
  return (readParsed(parsed, Number.POSITIVE_INFINITY) as Uint8Array | undefined) ?? 'lost'
}

function hasOtherCharset(headers: ReadonlyMap<string, readonly string[]>): boolean {
  return typesOf(headers).some((type) => /charset/i.test(type) && !/charset="?utf-8"?/i.test(type))
}

/** A body for a handler whose bytes were not kept: an empty one would be taken for the one that was sent. */
export function lostBody(): ReadableStream<Uint8Array> {
  const message =
    'a parser of the framework has read the body of the request, and kept no bytes; make the route before the parser, or register `unreadBodies` in Fastify'
  return new ReadableStream({ pull: (controller) => controller.error(new TypeError(message)) }, { highWaterMark: 0 })
}

/** Whether reading of the body has begun. */
export function wasRead(request: Request | NodeRequest): boolean {
  return Reflect.get(request, 'bodyUsed') === true || Reflect.get(request, 'readableDidRead') === true
}

/** A body that was read before, if it is text or bytes. */
function readParsed(parsed: unknown, bodyBytes: number): Uint8Array | 'too long' | undefined {
  if (typeof parsed !== 'string' && !(parsed instanceof Uint8Array)) return undefined
  if (parsed.length > bodyBytes) return 'too long'
  // A copy: the digest of a body is compared before the handler reads it, and a parser may use its memory again.
  const bytes = typeof parsed === 'string' ? new TextEncoder().encode(parsed) : new Uint8Array(parsed)
  // A character can have several bytes.
  return bytes.length > bodyBytes ? 'too long' : bytes
}

/** Whether the first byte announces a text form, in base64 or base64url. */
function isText(body: Uint8Array): boolean {
  return 'BCEFOP'.includes(String.fromCharCode(body[0] ?? 0))
}

function refused(status: 400 | 401 | 413 | 431, message: string): ContainerReading {
  return Object.freeze({ found: false, status, message })
}
