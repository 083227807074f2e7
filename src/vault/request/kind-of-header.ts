/**
 * What the name of a request header says of it.
 *
 * @module
 */

/**
 * Why a header of a caller is not sent: it can carry authority, can make a server treat the request as one for another
 * place or from another sender, or belongs to the client of HTTP.
 */
export type HeaderKind = 'authority' | 'rerouting' | 'framing'

/**
 * The kind of a header by its name, in any case; undefined for any other. It goes by usual names and the words in them: a
 * server may give any other name a meaning.
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

/** A name as the interfaces of CGI and its like read it: they know one mark for a hyphen, an underscore and a dot. */
export function headerAsRead(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')
}

const framing: ReadonlySet<string> = new Set([
  ...['connection', 'content-length', 'expect', 'host', 'http2-settings', 'keep-alive'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade'],
])

/** Another host, path, method or scheme than the one that was compared, or another sender: words, pairs, whole names. */
const rerouting: ReadonlySet<string> = new Set([
  ...['addr', 'clientip', 'envoy', 'forward', 'forwarded', 'host', 'ip', 'middleware', 'override', 'proxy', 'rewrite'],
  ...['http-method', 'request-method', 'original-host', 'original-method', 'original-path', 'original-proto'],
  ...['original-scheme', 'original-uri', 'original-url', 'request-path', 'request-uri', 'request-url'],
  ...['destination', 'front-end-https', 'x-arr-ssl', 'x-http-destinationurl', 'x-method', 'x-path', 'x-proto'],
  ...['x-scheme', 'x-server-name', 'x-uri', 'x-url', 'x-url-scheme', 'x-waws-unencoded-url'],
])

/** A caller's own authority, or in whose name it acts: words, pairs, whole names. */
const authority: ReadonlySet<string> = new Set([
  ...['auth', 'authenticated', 'authentication', 'authorization', 'cert', 'clientcert', 'cookie2', 'credential'],
  ...['credentials', 'csrf', 'dpop', 'identity', 'impersonate', 'oidc', 'principal', 'saml', 'signature', 'sudo'],
  ...['tailscale', 'user', 'userid', 'userinfo', 'username', 'xsrf'],
  ...['access-key', 'admin-key', 'api-key', 'app-key', 'application-key', 'appwrite-key', 'functions-key'],
  ...['license-key', 'master-key', 'private-key', 'rapidapi-key', 'service-key', 'shared-key', 'subscription-key'],
  ...['remote-group', 'remote-extra', 'stripe-account', 'x-honeycomb-team', 'x-key'],
])

/** How a word ends that names a secret, also when it is joined to another one (`x-authtoken`). */
const ends = /(?:apikey|assertion|cookie|jwt|password|secret|session|token)$/

/** Of these words, what is no authority: where a list goes on, and the session of MCP, which may not stand for a login. */
const harmless: ReadonlySet<string> = new Set([
  ...['consistency-token', 'continuation-token', 'next-token', 'page-token', 'sync-token', 'write-token'],
  ...['mcp-session', 'user-project'],
])
