import { ArgumentError } from '../../../errors.ts'
import { arrayOf, flag, nonEmptyString, numberFrom, readOptions, withDefault } from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { type ArgumentType, argumentType } from './argument-type.ts'
import { decodedPathProblem } from './decoded-path.ts'
import { hostNameProblem } from './host-name.ts'
import { isIpv4, isIpv6 } from './ip-address.ts'
import { stringOf } from './json-schema.ts'

/** Schemes that the WHATWG URL parser normalizes completely; of other schemes it does not normalize the host. */
export type UrlScheme = 'https' | 'http' | 'wss' | 'ws' | 'ftp'

/** Options of {@link url}. */
export interface UrlOptions {
  /** Allowed schemes. Default `['https']`. */
  readonly schemes?: readonly UrlScheme[]
  /** Whether host names may have labels in Punycode. Default false; see {@link hostName}. */
  readonly punycode?: boolean
  /** Most UTF-16 code units. Default 2,048. */
  readonly maxLength?: number
}

const knownSchemes: ReadonlySet<string> = new Set(['https', 'http', 'wss', 'ws', 'ftp'])

/**
 * An absolute URL. Canonical form:
 *
 * - it is exactly what the WHATWG URL parser prints: lower-case scheme and host, no default port, no dot segments;
 * - it has no user, password or fragment, no empty path segment, and no `?` without a query;
 * - its host is a host name as in {@link hostName}, or an IP address;
 * - percent-encoding is in upper case, and only where it is needed;
 * - the path has no encoded dot, slash, backslash, percent sign, control or invisible character, no encoded byte that
 *   is not valid UTF-8, and no encoded character that NFKC turns into one of these;
 * - no path segment has only dots, white space, combining marks and joiners, also before a semicolon.
 *
 * A URL that matches `["like", ".url", "https://api.example.com/v1/*"]` is below that place, also for a server that
 * decodes the path once more or removes parameters after a semicolon.
 *
 * URLs of the local host and the local network are allowed. Where a service fetches the URL, list the hosts in a
 * policy.
 *
 * @throws ArgumentError when the parser does not normalize a scheme, or an option is invalid.
 */
export function url(options: UrlOptions = {}): ArgumentType<string> {
  const { schemes, punycode, maxLength } = readOptions('url', options, {
    schemes: withDefault(arrayOf(nonEmptyString), ['https']),
    punycode: withDefault(flag, false),
    maxLength: withDefault(numberFrom(0), 2048),
  })
  for (const scheme of schemes) {
    if (!knownSchemes.has(scheme))
      throw new ArgumentError(`url: \`schemes\` must not contain ${quote(scheme)}: its URLs have no canonical form`)
  }
  const protocols = new Set(schemes.map((scheme) => `${scheme}:`))
  return argumentType(
    (value) => {
      if (typeof value !== 'string') return 'is not a string'
      if (value.length > maxLength) return `has more than ${maxLength} characters`
      return urlProblem(value, protocols, punycode)
    },
    { ...stringOf(1, maxLength), format: 'uri' },
  )
}

function urlProblem(text: string, protocols: ReadonlySet<string>, punycode: boolean): string | undefined {
  // ARG-12
  const parsed = parse(text)
  if (parsed === undefined) return 'is not a URL'
  if (!protocols.has(parsed.protocol)) return 'does not have an allowed scheme'
  if (parsed.username !== '' || parsed.password !== '') return 'has a user or password'
  if (text.includes('#')) return 'has a fragment'
  if (parsed.href !== text) return 'is not in canonical form; use `new URL(url).href`'
  if (parsed.search === '' && text.includes('?')) return 'has an empty query'
  // ARG-28
  return hostProblem(parsed.hostname, punycode) ?? pathProblem(parsed.pathname) ?? escapeProblem(parsed.search)
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

function hostProblem(host: string, punycode: boolean): string | undefined {
  if (isIpv4(host) || (host.startsWith('[') && isIpv6(host.slice(1, -1)))) return undefined
  return hostNameProblem(host, punycode)
}

function pathProblem(pathname: string): string | undefined {
  if (pathname.includes('//')) return 'has an empty path segment'
  for (const code of ['%2F', '%5C', '%25', '%7F', '%0', '%1']) {
    if (pathname.includes(code)) return 'has an encoded slash, backslash, percent sign or control'
  }
  return escapeProblem(pathname) ?? decodedPathProblem(pathname)
}

/** One resource has one text: only characters that need it are encoded, in upper case. */
function escapeProblem(text: string): string | undefined {
  for (let at = text.indexOf('%'); at >= 0; at = text.indexOf('%', at + 1)) {
    const digits = text.slice(at + 1, at + 3)
    if (!/^[0-9A-F]{2}$/.test(digits)) return 'has percent-encoding that is not two upper-case hexadecimal digits'
    const character = String.fromCharCode(Number.parseInt(digits, 16))
    if (/^[A-Za-z0-9._~-]$/.test(character)) return 'has percent-encoding of a character that needs no encoding'
  }
  return undefined
}
