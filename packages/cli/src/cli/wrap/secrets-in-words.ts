import { secretKind } from '../../support/secret-kind.ts'
import type { DataObject } from '../clients/config-document.ts'
import { hasSecretName } from './secret-name.ts'
import { hasLongToken } from './sort-value.ts'

/** A secret in the command line of a server, or in its address. */
export interface WordFinding {
  /** The place, for people: `args[2]`. */
  readonly where: string
  /** Without the value. */
  readonly what: string
}

/**
 * Finds secrets in the arguments of a server. They cannot be moved without the help of the server, because every
 * process of the machine can read the arguments of another one. WRP-05
 */
export function secretsInArgs(args: readonly string[]): readonly WordFinding[] {
  return args.flatMap((word, at) => {
    const what = secretInWord(word, args[at - 1])
    return what === undefined ? [] : [{ where: `args[${at}]`, what }]
  })
}

/** The secrets in the strings of a server, for a mask: its arguments, its command and its URL, as the file has them. */
export function secretValuesIn({ command, args, url }: DataObject): readonly string[] {
  const words = [command, ...(Array.isArray(args) ? args : []), url].map((word) =>
    typeof word === 'string' ? word : '',
  )
  return words.flatMap((word, at) => {
    if (secretInWord(word, words[at - 1]) === undefined) return []
    const [, value] = /^(?:-{0,2}[A-Za-z][\w.-]{0,100}=|[A-Za-z][\w-]{0,60}:[ \t]{1,9})(.+)$/s.exec(word) ?? []
    return [value ?? word]
  })
}

function secretInWord(word: string, before: string | undefined): string | undefined {
  const named = nameOfSecretIn(word)
  if (named !== undefined) return `the value of ${named}`
  const [, value] = /^-{0,2}[A-Za-z][\w.-]{0,100}=(.+)$/s.exec(word) ?? []
  if (value !== undefined && !isReference(value)) {
    const inner = secretInUrl(value)
    if (inner !== undefined) return inner
  }
  const [, option] = /^--?([A-Za-z][\w.-]{0,100})$/.exec(before ?? '') ?? []
  if (
    option !== undefined &&
    !word.startsWith('-') &&
    hasSecretName(option) &&
    !isReference(word) &&
    !isFlagWord(option)
  )
    return `the value of ${before}`
  const url = secretInUrl(word)
  if (url !== undefined) return url
  const kind = secretKind(word, false)
  return kind === undefined ? undefined : `a word that looks like ${kind}`
}

/**
 * The name of a secret in a word: in a list of options, a header, a connection string, JSON, or a line of a shell. Each
 * name is looked at, as a value can contain names.
 */
function nameOfSecretIn(word: string): string | undefined {
  // JSON within JSON has its quotation marks behind backslashes.
  const text = word.slice(0, 65_536).replaceAll('\\', '')
  for (const { 0: name, index } of text.matchAll(/[A-Za-z][\w.-]{0,100}/g)) {
    if (!hasSecretName(name) || isFlagWord(name)) continue
    const behind = text.slice(index + name.length, index + name.length + 4_096).replace(/^["']/, '')
    const rest = behind.trimStart()
    if (!/^[=:]/.test(rest) && rest.length === behind.length) continue
    const [first = '', second = ''] = rest
      .replace(/^[=:]/, '')
      .trimStart()
      .replace(/^["']/, '')
      .split(/[\s"',;&)}]/)
    const value = /^(?:bearer|basic|token|bot)$/i.test(first) ? `${first} ${second}` : first
    if (value !== '' && !isReference(value) && !/^(?:-|[{[]|\/\/|[=:])/.test(value)) return name
  }
  return undefined
}

/** Finds user information or a token in a URL. */
export function secretInUrl(word: string): string | undefined {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(word) || !URL.canParse(word)) return undefined
  const { username, password, searchParams, pathname, hash } = new URL(word)
  if (password !== '' && !isReference(decoded(password))) return 'the password in a URL'
  if (username !== '' && secretKind(username, false) !== undefined) return 'the user information of a URL'
  const isToken = (part: string): boolean =>
    !isReference(part) && (secretKind(part, false) !== undefined || hasLongToken(part))
  if (isToken(decoded(hash.slice(1)))) return 'the fragment of a URL'
  for (const [name, value] of searchParams) {
    if (value !== '' && !isReference(value) && (hasSecretName(name) || isToken(value)))
      return `the parameter ${name.slice(0, 40)} of a URL`
  }
  return pathname.split('/').some((part) => isToken(decoded(part))) ? 'a part of the path of a URL' : undefined
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Options with the name of a secret and the value of a file or a name. */
function isFlagWord(option: string): boolean {
  return /(?:file|path|dir|name|id|type|url|env|mode)$/i.test(option)
}

/** A reference to a value elsewhere is not a secret. */
function isReference(text: string): boolean {
  return /^(?:\S{1,20} )?\$\{?[A-Za-z_][\w:.-]*\}?$/.test(text)
}
