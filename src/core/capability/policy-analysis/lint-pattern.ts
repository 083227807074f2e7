import { splitGlob } from '../policy/glob.ts'
import { parseSelector } from '../policy/selector.ts'
import { showPattern } from '../policy/show.ts'

/** A fault of a pattern. */
export interface PatternWarning {
  /** The rule. */
  readonly rule: 'unanchored-pattern' | 'open-host' | 'open-name'
  /** The texts that it allows unexpectedly, for people. */
  readonly message: string
}

/** Words in the names of arguments that contain a path or a URL, an address in a domain, or a network address. */
const pathNames: ReadonlySet<string> = new Set(['path', 'file', 'dir', 'directory', 'folder', 'url', 'uri', 'href'])
const domainNames: ReadonlySet<string> = new Set(['to', 'cc', 'bcc', 'from', 'email', 'mail', 'host', 'domain'])
const addressNames: ReadonlySet<string> = new Set(['ip', 'address', 'addr', 'network', 'subnet'])

/** Finds a pattern that allows more places than its author expects. */
export function patternWarning(selector: string, pattern: string): PatternWarning | undefined {
  const pieces = splitGlob(pattern)
  const [head = ''] = pieces
  if (pieces.length === 1) return undefined
  const shown = showPattern(pattern)
  const host = hostOf(head)
  if (host !== undefined && !host.closed) {
    return {
      rule: 'open-host',
      message: `in the pattern ${shown} the star can match another host; write the whole host, with the slash after it`,
    }
  }
  const names = lastName(selector)
  const start = head === '' ? openStart(pieces[1] ?? '', names) : undefined
  if (start !== undefined) return { rule: 'unanchored-pattern', message: `the pattern ${shown} ${start}` }
  if (!isPlace(head, names) || !pieces.slice(0, -1).some(isUnfinished)) return undefined
  return {
    rule: 'open-name',
    message: `the pattern ${shown} also allows longer names; write the slash, the dot or the \`@\` before the star`,
  }
}

/** The fault of a pattern that begins with a star, by the text after that star. */
function openStart(rest: string, names: readonly string[]): string | undefined {
  if (rest === '') return undefined
  if (rest.includes('/') || (names.some((name) => pathNames.has(name)) && !rest.startsWith('.'))) {
    return 'restricts the end of a path and not its beginning; write the beginning'
  }
  const isDomain = names.some((name) => domainNames.has(name)) && rest.includes('.')
  return isDomain && !/^[.@]/.test(rest) ? 'also allows a longer name; begin it with `*@` or `*.`' : undefined
}

/** Whether a pattern is about places, in which a name ends at a slash, a dot or an `@`. */
function isPlace(head: string, names: readonly string[]): boolean {
  // POL-30: by the name of the argument, or by the beginning of the pattern: a path, a URL, the numbers of an address.
  if (names.some((name) => pathNames.has(name) || domainNames.has(name) || addressNames.has(name))) return true
  const numbers = head.split('.')
  return /^\S*\//.test(head) || (numbers.length > 1 && numbers.every((number) => /^[0-9]{1,3}$/.test(number)))
}

/** Whether the text before a star ends inside a name. */
function isUnfinished(piece: string): boolean {
  return /[\p{L}\p{N}]$/u.test(piece)
}

/** Whether the pattern is about URLs, and a slash ends the host before the first star. */
function hostOf(head: string): { readonly closed: boolean } | undefined {
  const scheme = head.indexOf('://')
  return scheme < 0 ? undefined : { closed: head.includes('/', scheme + 3) }
}

/** Lower-case words of the last field of a selector: `reply` and `to` for `.replyTo`. */
function lastName(selector: string): readonly string[] {
  const field = parseSelector(selector).findLast((segment) => segment.kind === 'field')
  if (field?.kind !== 'field') return []
  const words: string[] = []
  let word = ''
  for (const character of field.name) {
    const lower = character.toLowerCase()
    if (lower !== character || character === '_' || character === '-') {
      words.push(word)
      word = ''
    }
    if (character !== '_' && character !== '-') word += lower
  }
  words.push(word)
  return words.filter((part) => part !== '')
}
