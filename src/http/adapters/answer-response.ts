import { answerHeader } from '../../support/answer-mark.ts'

/** A response, for any framework. */
export interface Answer {
  readonly status: number
  /** Names in lower case. Only `set-cookie` may come twice. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string | ReadableStream<Uint8Array> | null
}

/**
 * HTP-23: a response of the handler, which may come from an upstream.
 *
 * @param method - of the request.
 */
export function answerResponse(response: Response, method: string): Answer {
  // `Response.error()`, and a response that the handler has read.
  if (response.status < 200 || response.bodyUsed || response.body?.locked === true)
    throw new TypeError('the response of the handler cannot be sent: it is an error, or its body was read')
  const listed = new Set((response.headers.get('connection') ?? '').toLowerCase().split(/[\s,]+/))
  const { status, body } = response
  // HTP-52. The response to HEAD, like one of the status 304, has the length that the body of a GET would have.
  const hasNoBody = method === 'HEAD' || bodiless.has(status)
  const headers = [...response.headers].filter(
    ([name]) =>
      !removed.has(name) &&
      !listed.has(name) &&
      // The server knows the length: bytes behind another one would be read as the next response.
      (name !== 'content-length' || (hasNoBody && !isDecoded(response))) &&
      (name !== 'content-encoding' || !isDecoded(response)),
  )
  if (headers.some(([, value]) => unsendable.test(value))) {
    response.body?.cancel().catch(() => undefined)
    throw new TypeError('the response of the handler cannot be sent: a header contains a control character')
  }
  if (method === 'HEAD') {
    body?.cancel().catch(() => undefined)
    return { status, headers, body: null }
  }
  if (body === null) return { status, headers: hasNoBody ? headers : [...headers, ['content-length', '0']], body }
  // `@hono/node-server` would add a type of its own, and a browser may guess one.
  const isTyped = headers.some(([name]) => name === 'content-type')
  return { status, headers: isTyped ? headers : [...headers, ['content-type', 'application/octet-stream']], body }
}

/** Headers of one connection (RFC 9110, 7.6.1), and those that only the service itself may send. */
const removed: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'http2-settings', 'x-ucan-container', 'ucan-revoked', answerHeader],
])

/** Characters that no header can have (RFC 9110, 5.5). `Headers` takes most of them, and Node refuses them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are refused.
const unsendable = /[\u0000-\u0008\u000a-\u001f\u007f]/

/** Content codings that `fetch` decodes. */
const decodedCodings = /^(?:gzip|x-gzip|deflate|br)$/i

/** `fetch` decodes a body and keeps its headers. Only a response of `fetch` has a `url`. */
function isDecoded({ body, headers, url }: Response): boolean {
  const codings = headers.get('content-encoding')
  return (
    url !== '' && body !== null && codings?.split(',').every((coding) => decodedCodings.test(coding.trim())) === true
  )
}

/** Statuses of responses without a body. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304])
