import { ArgumentError } from '../../errors.ts'
import { arrayOf, flag, maybe, nonEmptyString, numberFrom, readOptions } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'
import { decodedPathProblem } from './decoded-path.ts'
import { hostNameProblem } from './host-name.ts'
import { isIpv4, isIpv6 } from './ip-address.ts'

/** Schemes whose URLs the WHATWG standard brings into a normal form; of others it leaves the host as it stands. */
export type UrlScheme = 'https' | 'http' | 'wss' | 'ws' | 'ftp'

/** Options of {@link url}. */
export interface UrlOptions {
  /** Schemes that are taken. Default `['https']`. */
  readonly schemes?: readonly UrlScheme[]
  /** Whether host names may have labels in Punycode. Default false, see {@link hostName}. */
  readonly punycode?: boolean
  /** Characters, at most. Default 2,048. */
  readonly maxLength?: number
}

const knownSchemes: ReadonlySet<string> = new Set(['https', 'http', 'wss', 'ws', 'ftp'])

/**
 * An absolute URL. Canonical form: what the WHATWG URL parser prints, so lower-case scheme and host, no default port,
 * no dot segments; beyond that no user or password, no fragment, no empty path segment and no lone `?`, a host that is
 * a plain host name or an address, percent-encoding only where it is needed and in upper case, and in the path never
 * for a dot, slash, backslash, percent sign, control or hidden character, nor for what is not UTF-8 or becomes one of them
 * under NFKC; and no path segment of dots, white space, marks and joiners alone, also before a semicolon. A URL that matches
 * `["like", ".url", "https://api.example.com/v1/*"]` is below that place, also for a server that decodes the path once more
 * or cuts off parameters after a semicolon.
 *
 * Addresses of this machine and of its network are URLs too: name the hosts in a policy where a service fetches what it
 * is given.
 *
 * @throws ArgumentError for a scheme that the parser does not normalize, and when an option is not of its type.
 */
export function url(options: UrlOptions = {}): StandardSchema<string> {
  const {
    schemes = ['https'],
    punycode = false,
    maxLength = 2048,
  } = readOptions('url', options, {
    schemes: maybe(arrayOf(nonEmptyString)),
    punycode: maybe(flag),
    maxLength: maybe(numberFrom(0)),
  })
  for (const scheme of schemes) {
    if (!knownSchemes.has(scheme)) throw new ArgumentError(`URLs of the scheme ${quote(scheme)} have no canonical form`)
  }
  const protocols = new Set(schemes.map((scheme) => `${scheme}:`))
  return argumentType((value) => {
    if (typeof value !== 'string') return 'is not text'
    if (value.length > maxLength) return `has more than ${maxLength} characters`
    return urlProblem(value, protocols, punycode)
  })
}

function urlProblem(text: string, protocols: ReadonlySet<string>, punycode: boolean): string | undefined {
  // ARG-12
  const parsed = parse(text)
  if (parsed === undefined) return 'is not a URL'
  if (!protocols.has(parsed.protocol)) return 'is not of a scheme that is taken'
  if (parsed.username !== '' || parsed.password !== '') return 'has a user or password'
  if (text.includes('#')) return 'has a fragment'
  if (parsed.href !== text) return 'is not in canonical form, which `new URL(url).href` is'
  if (parsed.search === '' && text.includes('?')) return 'has an empty query'
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

/** What may stand as it is may not be encoded, and what is encoded is so in upper case: one text for one place. */
function escapeProblem(text: string): string | undefined {
  for (let at = text.indexOf('%'); at >= 0; at = text.indexOf('%', at + 1)) {
    const digits = text.slice(at + 1, at + 3)
    if (!/^[0-9A-F]{2}$/.test(digits)) return 'has percent-encoding that is not of two upper-case digits'
    const character = String.fromCharCode(Number.parseInt(digits, 16))
    if (/^[A-Za-z0-9._~-]$/.test(character)) return 'has percent-encoding where none is needed'
  }
  return undefined
}
