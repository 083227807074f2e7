// node only: reads requests of node:http
import type { IncomingMessage } from 'node:http'
import { answerHeader } from '#support/answer-mark.ts'
import { containsKey } from './local-key.ts'
import type { Problem } from './problem.ts'

/** Who may use a listener. */
export interface Admission {
  /** The key that each request contains; undefined on a Unix socket, which the system protects. */
  readonly key: string | undefined
  /** The values of `Host`, in lower case; undefined for any. */
  readonly hosts: ReadonlySet<string> | undefined
}

/**
 * Decides whether a request may be signed. Web pages reach each loopback address, also under a name of their own (DNS
 * rebinding), and so do the programs of other users. CON-20
 *
 * @returns undefined when it may.
 */
export function refusalOf(request: IncomingMessage, { key, hosts }: Admission): Problem | undefined {
  const { rawHeaders, url = '' } = request
  const named = (name: string): readonly string[] => valuesOf(rawHeaders, name)
  const [host = '', ...more] = named('host')
  if (more.length > 0 || host === '' || hosts?.has(host.toLowerCase()) === false)
    return { status: 421, code: 'misdirected', detail: 'use the address at which this program listens' }
  // Browsers send one of them with a request of a page. No page is let in, whatever it knows.
  const isPage = named('origin').length > 0 || named('sec-fetch-site').length > 0
  if (isPage)
    return { status: 403, code: 'web_page_refused', detail: 'a web page cannot use this address; use a program' }
  if (key !== undefined && !rawHeaders.some((value, at) => at % 2 === 1 && containsKey(value, key)))
    return {
      status: 401,
      code: 'key_missing',
      detail: 'send the key of `local.key` in the folder of the agent, as the API key of the client',
    }
  if (named('upgrade').length > 0) return unbound('connections are not upgraded; send each message as a request')
  if (!url.startsWith('/')) return unbound('send the path of the request, not a URL')
  return undefined
}

function unbound(detail: string): Problem {
  return { status: 400, code: 'request_unbound', detail }
}

function valuesOf(rawHeaders: readonly string[], name: string): readonly string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
}

/** Headers of one connection (RFC 9110, 7.6.1), and those that the gateway would not pass on. */
const own: ReadonlySet<string> = new Set([
  ...['authorization', 'connection', 'content-length', 'cookie', 'expect', 'host', 'keep-alive', 'proxy-authorization'],
  answerHeader,
  ...['proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'x-ucan-container'],
])

/**
 * The headers of a request or a response that are passed on, as a list of names and values.
 *
 * @param key - a header with this key is left out.
 */
export function passedHeaders(rawHeaders: readonly string[], key?: string): string[] {
  const listed = new Set(valuesOf(rawHeaders, 'connection').flatMap((value) => value.toLowerCase().split(/[\s,]+/)))
  const passed: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2)
    const lower = name.toLowerCase()
    if (own.has(lower) || listed.has(lower) || (key !== undefined && containsKey(value, key))) continue
    passed.push(name, value)
  }
  return passed
}
