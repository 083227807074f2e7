import { applyEdits, modify, type Node, type ParseError, parseTree } from 'jsonc-parser'
import { quote } from '#support/quote.ts'
import { checkDepth } from '../clients/json-config.ts'
import { UsageError } from '../usage-error.ts'

/** An entry of `hooks.PreToolUse` in the settings of Claude Code and of Codex. */
export interface HookEntry {
  readonly matcher: string
  readonly hooks: readonly object[]
}

/**
 * Puts the hook into a text of settings. A hook of an earlier installation is removed; other hooks, comments and the
 * order stay.
 *
 * @param path - for messages.
 * @throws UsageError when the text is not settings that can be changed without a loss.
 */
export function withEntry(text: string, entry: HookEntry, path: string): string {
  const mark = text.startsWith('\ufeff') ? '\ufeff' : ''
  const body = text.slice(mark.length)
  const eol = body.includes('\r\n') ? '\r\n' : '\n'
  const change = (now: string, place: (string | number)[], value: unknown): string =>
    applyEdits(now, modify(now, place, value, { formattingOptions: { insertSpaces: true, tabSize: 2, eol } }))

  let next = body
  let isPlaced = false
  // From the last one on, so that the places of the others stay.
  for (const [at, group] of [...entriesIn(body, path).entries()].reverse()) {
    const hooks = itemsOf(namedValue(group, 'hooks'))
    const own = [...hooks.keys()].filter((index) => isHookCommand(namedValue(hooks[index], 'command')?.value)).reverse()
    const place = ['hooks', 'PreToolUse', at]
    if (own.length === 0) continue
    if (own.length < hooks.length) for (const index of own) next = change(next, [...place, 'hooks', index], undefined)
    else next = change(next, place, isPlaced ? undefined : entry)
    isPlaced ||= own.length === hooks.length
  }
  if (!isPlaced) next = change(next, ['hooks', 'PreToolUse', entriesIn(next, path).length], entry)
  return `${mark}${next}`
}

/** The entries of `hooks.PreToolUse`. A client uses one of two keys of one name, so no such text is changed. */
function entriesIn(text: string, path: string): readonly Node[] {
  const wrong = (fault: string): UsageError =>
    new UsageError(`${quote(path, 128)} ${fault}; correct it, or use --print`)
  try {
    checkDepth(text)
  } catch (error) {
    throw wrong(`cannot be changed: ${(error as Error).message}`)
  }
  const errors: ParseError[] = []
  const root = parseTree(text, errors, { allowTrailingComma: true })
  if (root?.type !== 'object' || errors.length > 0) throw wrong('is not settings in JSON')
  let at: Node | undefined = root
  for (const name of ['hooks', 'PreToolUse']) {
    const found = namedIn(at, name)
    if (found.length > 1) throw wrong('has a key twice on the path to its hooks')
    at = found[0]
    if (at === undefined) return []
    if (at.type !== (name === 'hooks' ? 'object' : 'array')) throw wrong(`has another \`${name}\` than a client reads`)
  }
  return itemsOf(at)
}

function namedIn(node: Node | undefined, name: string): readonly Node[] {
  if (node?.type !== 'object') return []
  return (node.children ?? []).flatMap(({ children: [key, value] = [] }) =>
    key?.value === name && value !== undefined ? [value] : [],
  )
}

function namedValue(node: Node | undefined, name: string): Node | undefined {
  return namedIn(node, name).at(-1)
}

function itemsOf(node: Node | undefined): readonly Node[] {
  return node?.type === 'array' ? (node.children ?? []) : []
}

/**
 * Whether a command line is `procura hook`, with its required option. Other programs have a verb of this name, or are
 * in a folder with the name of this one: they are neither removed nor run.
 */
export function isHookCommand(command: unknown): command is string {
  return (
    typeof command === 'string' &&
    command.includes('procura') &&
    command.includes(' hook --') &&
    / --agent[ =]/.test(command)
  )
}
