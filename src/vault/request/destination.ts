/**
 * Where a credential may be sent. The URL is parsed once; what is compared is what is sent.
 *
 * @module
 */

import { decodedPathProblem } from '../../capability/argument-types/decoded-path.ts'
import { VaultError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'
import type { CredentialRules } from '../rules/credential-rules.ts'

/**
 * Reads the target of a request and checks it against what the credential allows.
 *
 * @returns the parsed URL, without a fragment.
 * @throws VaultError `ERR_VAULT_ORIGIN_REFUSED`.
 */
export function checkDestination(credential: CredentialRules, target: string | URL, method: string, base?: URL): URL {
  let url: URL
  try {
    url = new URL(target, base)
  } catch {
    throw refused('the target is not an absolute URL')
  }
  url.hash = ''
  // ORG-04: a name before the @ looks like the host to a reader, and some servers log it
  if (url.username !== '' || url.password !== '') throw refused('the target has user information before its host')
  // ORG-03: `blob:` has the origin of what stands behind it, and is no address on the network
  if (!credential.origins.includes(url.origin) || !url.protocol.startsWith('http')) {
    throw refused(`the credential may not be sent to ${quote(url.origin)}`)
  }
  // ORG-05
  if (!credential.methods.includes(method)) {
    const methods = credential.methods.join(', ')
    const shown = /^[A-Za-z]{1,20}$/.test(method) ? `method ${quote(method)}` : 'this method'
    throw refused(`the credential may not be used with ${shown}; its \`methods\` are ${methods}`)
  }
  checkPath(credential.pathPrefix, url.pathname)
  return url
}

function checkPath(prefix: string, path: string): void {
  if (prefix === '/') return
  // ORG-06
  if (path !== prefix && !path.startsWith(`${prefix}/`)) {
    throw refused(`the credential may be used below ${quote(prefix)} only`)
  }
  // ORG-07: what is decoded once has no percent sign left, so that to decode it again changes nothing
  if (/%(?:2e|2f|5c|25|00)/i.test(path)) {
    throw refused('the path has an encoded slash, backslash, dot, percent sign or NUL')
  }
  const problem = decodedPathProblem(path)
  if (problem !== undefined) throw refused(`the path ${problem}`)
}

function refused(message: string): VaultError {
  return new VaultError('ERR_VAULT_ORIGIN_REFUSED', message)
}
