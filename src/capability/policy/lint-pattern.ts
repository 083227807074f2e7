import { splitGlob } from './glob.ts'
import { parseSelector } from './selector.ts'
import { showLiteral } from './show-literal.ts'

/** What is wrong with a pattern. */
export interface PatternWarning {
  /** Which rule. */
  readonly rule: 'unanchored-pattern' | 'open-host'
  /** What it lets through, for people. */
  readonly message: string
}

/** Names of arguments, in parts, that hold a path or a URL, and those that hold an address within a domain. */
const pathNames: ReadonlySet<string> = new Set(['path', 'file', 'dir', 'directory', 'folder', 'url', 'uri', 'href'])
const domainNames: ReadonlySet<string> = new Set(['to', 'cc', 'bcc', 'from', 'email', 'mail', 'host', 'domain'])

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
  const rest = pieces[1] ?? ''
  if (head !== '' || rest === '') return undefined
  const names = lastName(selector)
  if (rest.includes('/') || names.some((name) => pathNames.has(name) && !rest.startsWith('.'))) {
    return { rule: 'unanchored-pattern', message: `the pattern ${shown} says how a path ends and not where it begins` }
  }
  if (
    names.some((name) => domainNames.has(name)) &&
    rest.includes('.') &&
    !rest.startsWith('.') &&
    !rest.startsWith('@')
  ) {
    return {
      rule: 'unanchored-pattern',
      message: `the pattern ${shown} also allows a longer name; begin it at \`@\` or a dot`,
    }
  }
  return undefined
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
