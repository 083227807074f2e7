import { quote } from '../errors.ts'

/**
 * Reads an origin that a secret may be sent to: `https://host` or `https://host:port`, written as a URL parser prints
 * it. Plain `http:` is for loopback addresses only.
 *
 * @param wrong - makes the error that is thrown.
 */
export function parseOrigin(text: string, wrong: (what: string) => Error): string {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw wrong(`${quote(text)} is not an origin; write https://host`)
  }
  // ORG-01
  if (url.origin !== text)
    throw wrong(`${quote(text)} is not an origin; write ${quote(url.origin)}, without wildcards and paths`)
  if (text.includes('*')) throw wrong(`${quote(text)} has a wildcard; name every origin in full`)
  // ORG-02
  if (!isConfidential(url)) throw wrong(`${quote(text)} is not encrypted; use https:, plain http: is for loopback only`)
  return text
}

/**
 * Reads the address of a service that secrets are exchanged with, such as a token endpoint.
 *
 * @param wrong - makes the error that is thrown.
 */
export function parseEndpoint(text: string | URL, wrong: (what: string) => Error): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw wrong('the address is not an absolute URL')
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw wrong('the address must be without user information and fragment')
  }
  if (!isConfidential(url))
    throw wrong(`${quote(url.origin)} is not encrypted; use https:, plain http: is for loopback only`)
  return url
}

function isConfidential(url: URL): boolean {
  if (url.protocol === 'https:') return true
  return url.protocol === 'http:' && LOOPBACK.has(url.hostname)
}

/** Names that never leave the machine. `localhost` resolves to loopback (RFC 6761, section 6.3). */
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])
