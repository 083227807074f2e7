import { secretKind } from '../../support/secret-kind.ts'
import { hasSecretName } from './secret-name.ts'

/** Whether a value is secret, with the reason for people. */
export interface Sorting {
  readonly secret: boolean
  readonly why: string
}

/** The names that the user has sorted. */
export interface NamedValues {
  readonly secret: ReadonlySet<string>
  readonly plain: ReadonlySet<string>
}

/**
 * Sorts an environment variable or a header. Every value is secret unless it is plainly not: a secret that stays in the
 * clear cannot be called back, and a plain value in the vault is only missing in answers. WRP-03
 */
export function sortValue(name: string, value: string, named: NamedValues): Sorting {
  if (named.secret.has(name)) return { secret: true, why: 'named by --secret' }
  if (named.plain.has(name)) return { secret: false, why: 'named by --plain' }
  if (value === '') return { secret: false, why: 'it is empty' }
  if (/^(?:true|false|yes|no|on|off)$/i.test(value)) return { secret: false, why: 'it is a switch' }
  if (secretKind(value, false) !== undefined) return { secret: true, why: 'it looks like a key' }
  if (hasSecretName(name)) return { secret: true, why: 'its name suggests a secret' }
  if (/^-?\d{1,6}(?:\.\d{1,6})?$/.test(value)) return { secret: false, why: 'it is a small number' }
  if (isHarmlessName(name) && isWord(value)) return { secret: false, why: 'its name is the name of a setting' }
  if (levels.has(value.toLowerCase())) return { secret: false, why: 'it is a common setting' }
  if (isPathList(value)) return { secret: false, why: 'it is a path' }
  if (isPlainUrl(value)) return { secret: false, why: 'it is a URL in which nothing looks like a token' }
  return { secret: true, why: 'it is not plainly harmless; answers will not show it, unless it is named by --plain' }
}

/** The names of settings that no program uses for a secret, with values of one word. */
function isHarmlessName(name: string): boolean {
  return /^(?:LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|SHELL|NODE_ENV|LOG_?LEVEL|LOGLEVEL|DEBUG|PORT|HOST|ENV|ENVIRONMENT|REGION|AWS_REGION|AWS_DEFAULT_REGION|TRANSPORT|MODE|accept|accept-language|content-type|user-agent)$/i.test(
    name,
  )
}

function isWord(value: string): boolean {
  return /^[\w.:/*;,= +-]{1,40}$/.test(value) && !hasLongToken(value)
}

const levels: ReadonlySet<string> = new Set([
  ...['trace', 'debug', 'info', 'warn', 'warning', 'error', 'fatal', 'silent', 'verbose', 'none', 'all'],
  ...['development', 'production', 'test', 'staging', 'stdio', 'http', 'sse', 'utf-8', 'utf8'],
])

/** Absolute paths, one or several. A part that looks random makes it a secret: base64 contains slashes. */
function isPathList(value: string): boolean {
  const paths = /^[A-Za-z]:[\\/]/.test(value) ? value.split(';') : value.split(':')
  return paths.every(
    (path) => /^(?:\/|~\/|\.{1,2}\/|[A-Za-z]:[\\/])[^\0?&=@]{0,1000}$/.test(path) && !hasLongToken(path),
  )
}

function isPlainUrl(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, username, password, search, hash, hostname, pathname } = new URL(value)
  return (
    /^https?:$/.test(protocol) &&
    [username, password, search, hash].every((part) => part === '') &&
    !hasLongToken(hostname) &&
    !hasLongToken(pathname)
  )
}

/** Whether a part between separators looks random. */
export function hasLongToken(text: string): boolean {
  return text.split(/[\\/\s:;,.]+/).some((part) => part.length >= 20 && isRandom(part))
}

function isRandom(part: string): boolean {
  if (/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(part) || changesCaseOften(part)) return true
  const isMixed = (text: string): boolean => /[0-9]/.test(text) && /[A-Za-z]/.test(text)
  const pieces = part.split(/[-_]/)
  // A name of several words, such as `build-2-of-a-project`, has numbers of their own.
  return pieces.length < 4 ? isMixed(part) : pieces.some((piece) => piece.length >= 8 && isMixed(piece))
}

/** Words in camel case have more letters. */
function changesCaseOften(part: string): boolean {
  const words = (part.match(/[a-z][A-Z]/g)?.length ?? 0) + 1
  return words >= 5 && part.length / words < 5
}
