import { splitGlob } from './glob.ts'
import { parseSelector } from './selector.ts'
import { showLiteral } from './show.ts'

/** What is wrong with a pattern. */
export interface PatternWarning {
  /** Which rule. */
  readonly rule: 'unanchored-pattern' | 'open-host' | 'open-name'
  /** What it lets through, for people. */
  readonly message: string
}

/** Names of arguments, in parts, that hold a path or a URL, an address within a domain, and an address of a network. */
const pathNames: ReadonlySet<string> = new Set(['path', 'file', 'dir', 'directory', 'folder', 'url', 'uri', 'href'])
const domainNames: ReadonlySet<string> = new Set(['to', 'cc', 'bcc', 'from', 'email', 'mail', 'host', 'domain'])
const addressNames: ReadonlySet<string> = new Set(['ip', 'address', 'addr', 'network', 'subnet'])

/** Looks for a pattern that does not hold the place it seems to hold. */
export function patternWarning(selector: string, pattern: string): PatternWarning | undefined {
  const pieces = splitGlob(pattern)
  const [head = ''] = pieces
  if (pieces.length === 1) return undefined
  const shown = showLiteral(pattern, 64)
  const host = hostOf(head)
  if (host !== undefined && !host.closed) {
    return {
      rule: 'open-host',
      message: `the pattern ${shown} lets the star stand for a host; write the host out, with the slash after it`,
    }
  }
  const names = lastName(selector)
  const start = head === '' ? openStart(pieces[1] ?? '', names) : undefined
  if (start !== undefined) return { rule: 'unanchored-pattern', message: `the pattern ${shown} ${start}` }
  if (!isPlace(head, names) || !pieces.slice(0, -1).some(isUnfinished)) return undefined
  return {
    rule: 'open-name',
    message: `the pattern ${shown} also allows names that go on after its letters; write the slash, the dot or the \`@\` before the star`,
  }
}

/** Says what a pattern that begins with a star lets through, by the text behind that star. */
function openStart(rest: string, names: readonly string[]): string | undefined {
  if (rest === '') return undefined
  if (rest.includes('/') || (names.some((name) => pathNames.has(name)) && !rest.startsWith('.'))) {
    return 'says how a path ends and not where it begins'
  }
  const isDomain = names.some((name) => domainNames.has(name)) && rest.includes('.')
  return isDomain && !/^[.@]/.test(rest) ? 'also allows a longer name; begin it at `@` or a dot' : undefined
}

/** Whether a pattern is about places, within which a name ends at a slash, a dot or an `@`. */
function isPlace(head: string, names: readonly string[]): boolean {
  // POL-30: by the argument's name, or by how the pattern begins: a path, a URL, numbers of an address.
  if (names.some((name) => pathNames.has(name) || domainNames.has(name) || addressNames.has(name))) return true
  const numbers = head.split('.')
  return /^\S*\//.test(head) || (numbers.length > 1 && numbers.every((number) => /^[0-9]{1,3}$/.test(number)))
}

/** Whether the text before a star ends within a name. */
function isUnfinished(piece: string): boolean {
  return /[\p{L}\p{N}]$/u.test(piece)
}

/** The host at which a pattern's head points, and whether a slash ends it before the first star. */
function hostOf(head: string): { readonly closed: boolean } | undefined {
  const scheme = head.indexOf('://')
  return scheme < 0 ? undefined : { closed: head.includes('/', scheme + 3) }
}

/** Lower-case words of the last field that a selector names: `replyTo` gives `reply` and `to`. */
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
