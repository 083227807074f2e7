/**
 * The one container of an HTTP request.
 *
 * @module
 */

import { ArgumentError } from '../errors.ts'
import { flag, integerFrom, maybe, readOptions } from '../support/options.ts'
import { readBody } from './read-body.ts'

/** The part of Node's `IncomingMessage` that is used, also as Express, Fastify (`request.raw`) and others hand it on. */
export interface NodeRequest {
  /** Names and values in turn, as they came: the other forms of headers join or drop what came twice. */
  readonly rawHeaders: readonly string[]
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array | string>
}

/** Options of {@link readContainer}. */
export interface ReadContainerOptions {
  /** Longest container in a header, in characters. Default 8,192: servers take 8 to 16 KiB for all headers together. */
  readonly headerCharacters?: number
  /** Longest container in a body, in bytes. Default 349,529: base64 of the largest container that is read. */
  readonly bodyBytes?: number
  /**
   * Whether `Authorization: Bearer` may also hold a token that is not a container, such as an access token of OAuth. It
   * is left alone, for the service to read, and a container can come beside it in another place. What begins like a
   * container, or like an archive of `procura/ucanto`, still counts as one. Default false.
   */
  readonly otherBearerTokens?: boolean
}

/** What was found: a container, of which nothing was checked, or with which status to answer and why. */
export type ContainerReading =
  | { readonly found: true; readonly container: string | Uint8Array }
  | {
      readonly found: false
      /** 400 malformed or more than one, 401 none, 413 too long for a body, 431 too long for a header. */
      readonly status: 400 | 401 | 413 | 431
      /** What to do, for the sender. It has nothing in it that was sent. */
      readonly message: string
    }

/** The media type of a body that is a container. */
export const mediaType = 'application/x-ucan-container'

/** Where a container can be sent. */
const missing = `send a container in \`Authorization: Bearer\`, in \`X-UCAN-Container\`, or as a body of \`${mediaType}\``

/**
 * Finds the container of a request in the one place where it is: `Authorization: Bearer …`, `X-UCAN-Container: …`, or a
 * body of the type `application/x-ucan-container`. Two of them, also the same twice, are refused, because the one that
 * another reader of the request takes could be the other one. So is an `Authorization` that another reader could take
 * for a bearer token, and this one does not. HTP-01
 *
 * Address, cookies and forms are not looked at: they are logged, or sent by browsers of their own accord. A body of
 * another type is left alone, for the service to read.
 *
 * @param request - a `Request`, or one of `node:http` whose body nobody has read.
 * @returns the container, to be given to a guard; or the status to answer with. Nothing is thrown for hostile requests.
 * @throws ArgumentError for what is no request, a request whose body was read before, and options of another kind.
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
  const {
    headerCharacters = 8_192,
    bodyBytes = 349_529,
    otherBearerTokens = false,
  } = readOptions('readContainer', options, {
    headerCharacters: maybe(integerFrom(1)),
    bodyBytes: maybe(integerFrom(1)),
    otherBearerTokens: maybe(flag),
  })
  const headers = headersOf(request)
  for (const name of ['authorization', 'x-ucan-container']) {
    const values = headers.get(name) ?? []
    if (values.length > 1 || values[0]?.includes(',')) return refused(400, `send \`${name}\` once, with one value`)
  }
  // Servers with an interface like CGI read every mark as the same one.
  const asRead = (name: string): string => name.replaceAll(/[^a-z0-9]/g, '-')
  if ([...headers.keys()].some((name) => name !== 'x-ucan-container' && asRead(name) === 'x-ucan-container')) {
    return refused(400, 'write `x-ucan-container` with hyphens')
  }
  const bearer = bearerOf(headers.get('authorization')?.[0])
  if (bearer === null) return refused(400, 'write `authorization` as `Bearer`, a space and one token')
  // HTP-08
  const isOther = otherBearerTokens && bearer !== undefined && !mayBeContainer(bearer)
  const inHeaders = [...(bearer === undefined || isOther ? [] : [bearer]), ...(headers.get('x-ucan-container') ?? [])]
  const types = (headers.get('content-type') ?? []).flatMap((value) => value.split(','))
  const inBody = types.some((type) => type.split(';')[0]?.trim().toLowerCase() === mediaType)
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
    if (!/^[A-Za-z0-9+/=_-]+$/.test(value)) return refused(400, 'the header does not hold a container in text')
    return { found: true, container: value }
  }
  // HTP-04
  if (!inBody) return refused(401, missing)
  if (headers.has('content-encoding'))
    return refused(400, 'send the container as it is; it has a compression of its own')
  if (Reflect.get(request, 'bodyUsed') === true || Reflect.get(request, 'readableDidRead') === true) {
    throw new ArgumentError(
      'the body of the request was read before; call readContainer before a parser of bodies does',
    )
  }
  const body = await readBody(request, bodyBytes, Number(headers.get('content-length')?.[0] ?? 0))
  // HTP-03
  if (body === 'too long') return refused(413, `the container is longer than ${bodyBytes} bytes`)
  if (body === 'broken off') return refused(400, 'the body broke off')
  return { found: true, container: isText(body) ? new TextDecoder('latin1').decode(body) : body }
}

/** What is in a request that is none is not shown: it may be the container itself. */
function checkRequest(request: unknown): void {
  const parts = (typeof request === 'object' && request !== null ? request : {}) as Partial<Request & NodeRequest>
  const headers: unknown = parts.rawHeaders ?? parts.headers
  if (typeof headers !== 'object' || headers === null || !(Symbol.iterator in headers)) {
    throw new ArgumentError('`request` must be a Request, or one of node:http with its `rawHeaders`')
  }
}

/** Values by name in lower case. A `Request` has joined what came twice with commas, which no container has. */
function headersOf(request: Request | NodeRequest): ReadonlyMap<string, readonly string[]> {
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
 * The token behind the scheme `Bearer`; undefined for another scheme. A value that mentions the scheme in another way is
 * unclear (null): a reader that splits at any white space, or searches, finds a token where there is none here.
 */
function bearerOf(value: string | undefined): string | null | undefined {
  if (value === undefined || !/bearer/i.test(value)) return undefined
  return /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(value)?.[1] ?? null
}

/**
 * Whether a token is, for some reader, a container (by the name in its map, at any alignment of base64, or by the first
 * bytes of gzip) or an archive (by the first bytes of a CAR file or a CID). Lenient readers pass over what their alphabet
 * does not have: everything but letters, digits and two marks, which are `+` and `/`, `-` and `_`, or all of these.
 */
function mayBeContainer(token: string): boolean {
  return [/[.~]/g, /[.~_-]/g, /[.~+/]/g].some((ignored) =>
    /^(?:[BC].*(?:Y3RuLXYx|jdG4tdj|N0bi12M)|[EFOP]H4sI|[mu]?OqJl|[mu]AYIE)/.test(token.replace(ignored, '')),
  )
}

/** Whether the first byte names a form in base64 or base64url; the forms in bytes go on as bytes. */
function isText(body: Uint8Array): boolean {
  return 'BCEFOP'.includes(String.fromCharCode(body[0] ?? 0))
}

function refused(status: 400 | 401 | 413 | 431, message: string): ContainerReading {
  return Object.freeze({ found: false, status, message })
}
