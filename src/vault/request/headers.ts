/**
 * Headers of a request: the kinds that a caller may not send, and the copy of those that it may.
 *
 * @module
 */

import type { Processor } from '../processor.ts'

/**
 * Copies the headers of a caller that may be sent: the headers that the credential lists. Without a list, all headers
 * except the headers of a {@link HeaderKind}, and those that ask for a part of a response or for another encoding. The
 * headers that the processor writes, and the encodings that the caller can decode, are dropped in both cases.
 */
export function safeHeaders(
  given: Readonly<Record<string, string>> | Headers | undefined,
  rules: { readonly headers: readonly string[] | undefined; readonly processor: Pick<Processor, 'headers'> },
): Headers {
  const headers = new Headers(given)
  const { headers: listed, processor } = rules
  // SEC-14: the platform requests the encodings that it decodes. A body in another one could not be searched.
  const written = ['accept-encoding', ...processor.headers.map(headerAsRead)]
  // ORG-15
  const isSent = (name: string): boolean =>
    listed?.includes(name) ?? (kindOfHeader(name) === undefined && !partial.has(name))
  for (const name of [...headers.keys()]) {
    if (!isSent(name) || written.includes(headerAsRead(name))) headers.delete(name)
  }
  return headers
}

/** SEC-09: a part of a response, or one in another encoding, is not searched for the whole secret. */
const partial: ReadonlySet<string> = new Set(['accept-charset', 'if-range', 'range'])

/**
 * Why a header of a caller is not sent: it can carry authority, it can make a server treat the request as one for
 * another target or from another sender, or it belongs to the HTTP client.
 */
export type HeaderKind = 'authority' | 'rerouting' | 'framing'

/**
 * Returns the kind of a header by its name, in any case; undefined for other headers. It knows usual names and the
 * words in them. A server may give any other name such a meaning.
 */
export function kindOfHeader(name: string): HeaderKind | undefined {
  const read = headerAsRead(name)
  const words = read.replace('user-agent', 'agent').split('-')
  const parts = [read, ...words, ...words.map((word, index) => `${word}-${words[index + 1]}`)]
  if (framing.has(read) || read.startsWith('sec-') || read.startsWith('proxy-')) return 'framing'
  // ORG-10
  if (parts.some((part) => rerouting.has(part))) return 'rerouting'
  if (parts.some((part) => harmless.has(part))) return undefined
  // ORG-09
  return parts.some((part) => authority.has(part)) || words.some((word) => ends.test(word)) ? 'authority' : undefined
}

/** A name as CGI and similar interfaces read it: a hyphen, an underscore and a dot are the same character. */
function headerAsRead(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')
}

const framing: ReadonlySet<string> = new Set([
  ...['connection', 'content-length', 'expect', 'host', 'http2-settings', 'keep-alive'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade'],
])

/** Names that claim another host, path, method, scheme or sender: words, pairs of words, whole names. */
const rerouting: ReadonlySet<string> = new Set([
  ...['addr', 'clientip', 'envoy', 'forward', 'forwarded', 'host', 'ip', 'middleware', 'override', 'proxy', 'rewrite'],
  ...['http-method', 'request-method', 'original-host', 'original-method', 'original-path', 'original-proto'],
  ...['original-scheme', 'original-uri', 'original-url', 'request-path', 'request-uri', 'request-url'],
  ...['destination', 'front-end-https', 'x-arr-ssl', 'x-http-destinationurl', 'x-method', 'x-path', 'x-proto'],
  ...['x-scheme', 'x-server-name', 'x-uri', 'x-url', 'x-url-scheme', 'x-waws-unencoded-url'],
])

/**
 * Names that carry a caller's own authority or identity, or a second resource that the credential reads: words, pairs
 * of words, whole names.
 */
const authority: ReadonlySet<string> = new Set([
  ...['auth', 'authenticated', 'authentication', 'authorization', 'cert', 'clientcert', 'cookie2', 'credential'],
  ...['credentials', 'csrf', 'dpop', 'identity', 'impersonate', 'oidc', 'principal', 'saml', 'signature', 'sudo'],
  ...['tailscale', 'user', 'userid', 'userinfo', 'username', 'xsrf'],
  ...['access-key', 'admin-key', 'api-key', 'app-key', 'application-key', 'appwrite-key', 'functions-key'],
  ...['license-key', 'master-key', 'private-key', 'rapidapi-key', 'service-key', 'shared-key', 'subscription-key'],
  ...['remote-group', 'remote-extra', 'stripe-account', 'x-honeycomb-team', 'x-key'],
  ...['copy-from', 'copy-source', 'rename-source'],
])

/** The end of a word that names a secret, also when it is joined to another word (`x-authtoken`). */
const ends = /(?:apikey|assertion|cookie|jwt|password|secret|session|token)$/

/**
 * Exceptions, although they contain such words: positions in a list, and the session of MCP, which must not replace a
 * login.
 */
const harmless: ReadonlySet<string> = new Set([
  ...['consistency-token', 'continuation-token', 'next-token', 'page-token', 'sync-token', 'write-token'],
  ...['mcp-session', 'user-project'],
])
