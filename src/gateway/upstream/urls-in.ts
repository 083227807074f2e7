// node only: counts bytes
import { decodings, type NamedValue } from './named-values.ts'

/** The parts of a URL that can be keys. */
export interface UrlKeys {
  /** Its password as it is and decoded; where that is short, with the account and the host. */
  readonly secrets: readonly string[]
  /** The parameters of its query and its fragment, decoded and as they are. */
  readonly parameters: readonly NamedValue[]
}

/** Bytes of a password that is searched for by itself. */
const longPassword = 16

/** Most URLs of a text. */
const mostUrls = 32

/** Finds the URLs in a text, and in them what can be a key. They are not all valid: a database has several hosts. */
export function urlsIn(text: string): readonly UrlKeys[] {
  // The drivers of Go: `account:password@tcp(host:3306)/database`.
  const withoutScheme = /^\S+@(?:tcp|unix)\(/.test(text) ? [{ scheme: '', rest: text }] : []
  const withScheme = text.split(/[\s"<>]/).flatMap(partsWithScheme)
  return [...withoutScheme, ...withScheme.slice(0, mostUrls)].map(({ scheme, rest }) => ({
    secrets: passwordEnds(rest).flatMap((end) => secretsBefore(end, scheme, rest)),
    parameters: parametersOf(rest),
  }))
}

function partsWithScheme(text: string): readonly { readonly scheme: string; readonly rest: string }[] {
  const found = Array.from(text.matchAll(/[a-z][a-z0-9+.-]{0,30}:\/\//gi)).slice(0, mostUrls)
  return found.map(({ 0: scheme, index }) => {
    // A comma divides URLs, and the hosts of one. A URL without one before it is within the first.
    const next = found.find((one) => one.index > index && /[,;]/.test(text.charAt(one.index - 1)))
    return { scheme, rest: text.slice(index + scheme.length, next === undefined ? undefined : next.index - 1) }
  })
}

/** The places of the `@` behind a password: one that is not encoded may contain others, and slashes. */
function passwordEnds(rest: string): readonly number[] {
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? ''
  const [inAuthority, last] = [authority.lastIndexOf('@'), rest.lastIndexOf('@')]
  if (inAuthority >= 0) return [...new Set([inAuthority, last])]
  // `host:8080/name@version` has a port, and no password.
  const [, port = ''] = /^[^:[]*:(.*)$/s.exec(authority) ?? []
  return last >= 0 && !/^[0-9]*$/.test(port) ? [last] : []
}

function secretsBefore(end: number, scheme: string, rest: string): readonly string[] {
  const account = rest.slice(0, end)
  const colon = account.indexOf(':')
  const password = account.slice(colon + 1)
  if (colon < 0 || password === '') return []
  const passwords = decodings(password)
  if (passwords.every((one) => Buffer.byteLength(one) >= longPassword)) return passwords
  // A short password could be a word of a message. With its account and its host it is not.
  const host = /^(?:[a-z]+\()?[^/?#:,)]*/.exec(rest.slice(end + 1))?.[0] ?? ''
  const place = `${account}@${host}`
  const isLong = Buffer.byteLength(place) >= longPassword
  return [...passwords, ...decodings(isLong ? place : scheme + place)]
}

function parametersOf(rest: string): readonly NamedValue[] {
  const pairs = rest.split(/[?&#;]/).slice(1)
  return pairs.flatMap((pair) => {
    const [name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(pair)?.slice(1) ?? []
    const values = new Set([value, value.replaceAll('+', ' ')].flatMap(decodings))
    return Array.from(values, (one) => ({ name: decodings(name).at(-1) as string, value: one }))
  })
}
