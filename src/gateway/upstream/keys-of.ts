// node only: counts bytes
import { knownKeysIn, secretKind } from '../../support/secret-kind.ts'
import { isKeyName } from '../../support/secret-name.ts'
import { namedValuesIn, textLeavesOf } from './named-values.ts'
import { urlsIn } from './urls-in.ts'

/** The fewest bytes of a key that is searched for, or of its parts. A shorter one could be a word of a message. */
export const minBytes = 16

/** The most values within values, such as the parameters of a URL in a field of JSON. */
const deepest = 8

/**
 * Lists the keys in the value of a variable: the value itself if the name of the variable is that of a key, and its
 * parts with such a name. Other parts, such as a host or an account, occur in results.
 */
export function keysOf(variable: string, value: string): readonly string[] {
  const keys = new Set<string>()
  // Also of those that were found before.
  let found = 0
  const add = (text: string): void => {
    if (Buffer.byteLength(text) < minBytes) return
    keys.add(text)
    found += 1
  }

  function search(name: string, given: string, depth: number): void {
    if (depth > deepest || Buffer.byteLength(given) < minBytes) return
    const text = withoutQuotes(given.trim()).trim()
    const data = dataIn(text)
    const before = found
    if (data !== undefined) {
      for (const leaf of textLeavesOf(name, data)) search(leaf.name, leaf.value, depth + 1)
      // If the text of JSON were replaced as well, its braces would be missing in a message. That of base64 has none.
      if (isKeyName(name) && (found === before || !/^[[{]/.test(text))) add(text)
      return
    }
    if (isKey(name, text)) for (const part of partsOfKey(text)) add(part)
    for (const key of keysByForm(name, text)) add(key)
    for (const { secrets, parameters } of urlsIn(text)) {
      for (const secret of secrets) add(secret)
      for (const parameter of parameters) search(parameter.name, parameter.value, depth + 1)
    }
    for (const named of namedValuesIn(text)) {
      if (isKeyName(named.name)) search(named.name, named.value, depth + 1)
      else for (const key of keysByForm(named.name, named.value)) add(key)
    }
  }

  search(variable, value, 0)
  return [...keys]
}

/**
 * Some programs read the quotation marks in a file of variables as a part of the value. Those of a message around the
 * key are not the same.
 */
function withoutQuotes(text: string): string {
  const [first, last] = [text.at(0), text.at(-1)]
  return first === last && (first === '"' || first === "'") ? text.slice(1, -1) : text
}

/** The object or the list that a text is, as JSON or as JSON in base64, whose lines may have been wrapped. */
function dataIn(text: string): object | undefined {
  const json = /^[A-Za-z0-9+/_\s-]{20,}={0,2}$/.test(text) ? Buffer.from(text, 'base64').toString() : text
  if (!/^\s*[[{]/.test(json)) return undefined
  try {
    return JSON.parse(json) as object
  } catch {
    return undefined
  }
}

/**
 * A key, and what a program may print of it: one of a list, a password without its account, a token without the scheme
 * of its header.
 */
function partsOfKey(text: string): readonly string[] {
  if (text.includes('-----BEGIN')) return [text, ...privateKeysIn(text)].flatMap(withLineBreaks)
  const values = text.split(/[\s,;]/)
  const parts = values.filter((part) => !/:$|["']:/.test(part))
  const passwords = values.map((part) => /^[^:/]*:([^/].*)$/.exec(part)?.[1] ?? '')
  // The name of a cookie may be any, and so may the value of a harmless one.
  const cookies = values.map((part) => /^[^=]*=(.*)$/.exec(part)?.[1] ?? '')
  const all = [...parts, ...passwords, ...cookies.filter((value) => !isWords(withoutBrackets(value)))]
  return [text, ...all.filter((part) => !part.includes('"')), ...all.map(withoutBrackets)]
}

/** Without the marks around a part of a list. With them, it would not be found, or a message would lose them. */
function withoutBrackets(part: string): string {
  let end = part.length
  while (`"')]}`.includes(part.charAt(end - 1)) && end > 0) end -= 1
  return part.slice(0, end).replace(/^["'([{]+/, '')
}

/** The private keys in PEM in a text, such as one with certificates. */
function privateKeysIn(text: string): readonly string[] {
  const key = /^[A-Z ]*PRIVATE KEY(?: BLOCK)?-----.*?-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----/s
  const begin = '-----BEGIN '
  const blocks = text.split(begin).slice(1)
  return blocks.filter((block) => key.test(block)).map((block) => `${begin}${key.exec(block)?.[0]}`)
}

function withLineBreaks(text: string): readonly string[] {
  return [text, text.replaceAll('\\n', '\n')]
}

function keysByForm(name: string, text: string): readonly string[] {
  const known = knownKeysIn(text)
  if (text.includes('-----BEGIN'))
    return /-----BEGIN [A-Z ]*PRIVATE KEY/.test(text) ? [...partsOfKey(text), ...known] : known
  const [, basic] = /^basic ([A-Za-z0-9+/_-]+={0,2})$/i.exec(text) ?? []
  const isBasic = basic !== undefined && Buffer.from(basic, 'base64').toString().includes(':')
  if (isBasic || /^bearer \S+$/i.test(text)) return [text]
  if (known.length > 0 || publicNames.test(name)) return known
  return secretKind(text, false) === undefined ? [] : [text]
}

/** Names of values that look like keys. */
const publicNames = /hash|digest|sha[0-9]|checksum|fingerprint|commit|revision|public|address|recipient|transaction/i

function isKey(name: string, text: string): boolean {
  // `key` alone is also the name of a field for the name of something else, such as of a column.
  const [isAlone, above = ''] = /^(?:(.*)\.)?key$/s.exec(name) ?? []
  if (isAlone !== undefined && isWords(text) && !isKeyName(above)) return false
  return isKeyName(name) && !isPath.test(text)
}

function isWords(text: string): boolean {
  return text.split(/[ _.-]/).every((word) => /^[a-z]+$/.test(word))
}

/** The path of a file with a key. A key in base64 may begin with a slash. */
const isPath =
  /^(?:~\/|\.{1,2}\/|[A-Za-z]:\\|\/(?:app|data|etc|home|mnt|opt|private|root|run|secrets|srv|tmp|usr|Users|var)\/)/
