/**
 * The target of a request, checked against the rules of the credential. The URL is parsed once, and the parsed URL is
 * sent.
 *
 * @module
 */

import { decodedPathProblem } from '../../core/capability/argument-types/decoded-path.ts'
import { VaultError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'
import type { CredentialRules } from '../rules/credential-rules.ts'

/**
 * Parses the target of a request, and checks it against the rules of the credential.
 *
 * @returns the parsed URL, without a fragment.
 * @throws VaultError `ERR_VAULT_ORIGIN_REFUSED`.
 */
export function checkDestination(rules: CredentialRules, target: string | URL, method: string, base?: URL): URL {
  let url: URL
  try {
    url = new URL(target, base)
  } catch {
    throw refused('the target must be an absolute URL')
  }
  url.hash = ''
  // ORG-04: a name before the @ looks like the host to a human reader, and some servers log it.
  if (url.username !== '' || url.password !== '')
    throw refused('the target must not have user information before its host')
  // The URL parser gives `blob:` the origin of its content, although it is not an address on the network.
  if (!url.protocol.startsWith('http')) throw refused('the target must be an https: URL')
  // ORG-03
  if (!rules.origins.includes(url.origin)) {
    throw refused(
      `the credential may not be sent to ${quote(url.origin)}, only to ${shownOrigins(rules)}; correct the URL, or add the origin to the \`origins\` of the credential`,
    )
  }
  // ORG-05
  if (!rules.methods.includes(method)) {
    const methods = rules.methods.join(', ')
    const shown = /^[A-Za-z]{1,20}$/.test(method) ? `method ${quote(method)}` : 'this method'
    throw refused(`the credential may not be used with ${shown}; its \`methods\` are ${methods}`)
  }
  checkPath(rules.pathPrefix, url.pathname)
  return url
}

function shownOrigins({ origins }: CredentialRules): string {
  const shown = origins.slice(0, 4).map((origin) => quote(origin))
  return origins.length > shown.length ? `${shown.join(', ')}, …` : shown.join(' or ')
}

function checkPath(prefix: string, path: string): void {
  if (prefix === '/') return
  // ORG-06
  if (path !== prefix && !path.startsWith(`${prefix}/`)) {
    throw refused(`the credential may only be used for paths below ${quote(prefix)}, its \`pathPrefix\``)
  }
  // ORG-07: without an encoded percent sign, a second decoding changes nothing.
  if (/%(?:2e|2f|5c|25|00)/i.test(path)) {
    throw refused('the path must not have an encoded slash, backslash, dot, percent sign or NUL')
  }
  const problem = decodedPathProblem(path)
  if (problem !== undefined) throw refused(`the path ${problem}`)
}

function refused(message: string): VaultError {
  return new VaultError('ERR_VAULT_ORIGIN_REFUSED', message)
}
