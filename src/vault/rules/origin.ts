import { isConfidential } from '../../support/loopback.ts'
import { quote } from '../../support/quote.ts'

/**
 * Reads origins that a secret may be sent to: `https://host` or `https://host:port`, as a URL parser prints them. Plain
 * `http:` is for loopback addresses only.
 *
 * @param wrong - makes the error. Its text shows the scheme and host alone, because the rest may be a password.
 */
export function parseOrigins(texts: readonly string[], wrong: (what: string) => Error): readonly string[] {
  return texts.map((text, index) => parseOrigin(text, (what) => wrong(`\`origins[${index}]\` ${what}`)))
}

function parseOrigin(text: string, wrong: (what: string) => Error): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.origin === 'null') throw wrong('must be an origin, such as https://api.example.com')
  if (text.includes('*')) throw wrong('must not have a wildcard; list every origin in full')
  // ORG-01
  if (url.origin !== text) {
    throw wrong(`must be an origin without user, path, query and wildcards; write ${quote(url.origin)}`)
  }
  // ORG-02
  if (!isConfidential(url)) throw wrong('is not encrypted; use https: (plain http: is for loopback only)')
  return text
}

/**
 * Reads the address of a service to which secrets are sent, such as a token endpoint.
 *
 * @param wrong - makes the error.
 */
export function parseEndpoint(text: string | URL, wrong: (what: string) => Error): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw wrong('the address must be an absolute URL')
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw wrong('the address must not have user information or a fragment')
  }
  if (!isConfidential(url)) throw wrong('the address is not encrypted; use https: (plain http: is for loopback only)')
  return url
}
