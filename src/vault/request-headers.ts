import type { Processor } from './processor.ts'

/**
 * Copies the headers of a caller, without every one that could carry authority, smuggle a body, or make a server
 * treat the request as one for another host, path or method than the one that was checked.
 */
export function safeHeaders(
  given: Readonly<Record<string, string>> | Headers | undefined,
  processor: Processor,
): Headers {
  const headers = new Headers(given)
  const written = processor.headers.map(readAs)
  for (const name of [...headers.keys()]) {
    if (isDropped(readAs(name)) || written.includes(readAs(name))) headers.delete(name)
  }
  return headers
}

function isDropped(name: string): boolean {
  return DROPPED.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix))
}

/** As the interfaces of CGI and its like read a name: they know one mark for a hyphen and an underscore. */
function readAs(name: string): string {
  return name.replaceAll('_', '-')
}

const DROPPED: ReadonlySet<string> = new Set([
  // ORG-09: a caller's own authority
  'authorization',
  'proxy-authorization',
  'cookie',
  'cookie2',
  'x-api-key',
  'api-key',
  'apikey',
  'x-auth-token',
  'x-access-token',
  'x-csrf-token',
  'private-token',
  'x-amz-security-token',
  'x-vault-token',
  'dpop',
  'signature',
  'signature-input',
  // ORG-10: another target than the one that was checked
  'host',
  'forwarded',
  'x-host',
  'x-http-host-override',
  'x-original-host',
  'x-original-method',
  'x-original-url',
  'x-override-url',
  'x-rewrite-url',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  // message framing belongs to the HTTP client
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

const PREFIXES: readonly string[] = ['x-forwarded-', 'proxy-', 'sec-']
