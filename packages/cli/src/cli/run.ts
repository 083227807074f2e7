// node only: parses a command line
import { parseArgs } from 'node:util'
import { nearestName } from '#support/nearest-name.ts'
import { hostAtHome } from './home/host-at-home.ts'
import type { Host } from './host.ts'
import { inOwnWords } from './terminal/own-words.ts'
import { printableHost } from './terminal/printable.ts'
import { refuseSecrets } from './terminal/refuse-secrets.ts'
import { UsageError } from './usage-error.ts'
import type { Flags, Verb, VerbOption } from './verb.ts'
import { verbs } from './verbs.ts'

/**
 * Runs the program with the words of its command line.
 *
 * @returns the exit code: 0 for yes, 1 when the answer is negative (a call is refused, a log was modified), 2 when the
 * command line is invalid or the work failed. CLI-03
 */
export async function run(words: readonly string[], outside: Host): Promise<number> {
  let host = printableHost(outside)
  let verb: Verb | undefined
  let flags: Flags = {}
  try {
    refuseSecrets(words)
    const { values, positionals } = parse(words)
    if (values['version'] === true) return await printVersion(host)
    const isHelp = values['help'] === true || positionals[0] === 'help'
    const named = positionals[0] === 'help' ? positionals.slice(1) : positionals
    if (named.length === 0 || (isHelp && groupOf(named) !== undefined)) {
      const { helpOf, helpOfGroup } = await import('./help.ts')
      const group = groupOf(named)
      for (const line of group === undefined ? helpOf(verbs) : helpOfGroup(group)) host.print(line)
      return isHelp ? 0 : 2
    }
    verb = findVerb(named)
    if (isHelp) {
      const { helpOfVerb } = await import('./help.ts')
      for (const line of helpOfVerb(verb, verbs)) host.print(line)
      return 0
    }
    flags = flagsOf(verb, values)
    host = hostAtHome(host, flags)
    return await verb.run(named.slice(verb.name.split(' ').length), flags, host)
  } catch (error) {
    complain(error, verb ?? verbIn(words), host, await hintAbout(error, verb, flags, host))
    return 2
  }
}

/** The next step that the library does not know. */
async function hintAbout(error: unknown, verb: Verb | undefined, flags: Flags, host: Host): Promise<string> {
  const isRefused = (error as NodeJS.ErrnoException).code === 'EACCES'
  if (!isRefused && !isCoded(error)) return ''
  const { ownerHint } = await import('./home/other-owner.ts')
  const { unlockHint } = await import('./home/vault-key.ts')
  const hint = await Promise.resolve(verb && ownerHint(error, verb, flags, host))
    .then((owner) => owner ?? (isCoded(error) ? unlockHint(error.message, flags, host) : undefined))
    .catch(() => undefined)
  return hint === undefined ? '' : `; ${hint}`
}

function complain(error: unknown, verb: Verb | undefined, host: Host, hint: string): void {
  const help = verb === undefined ? 'procura --help' : `procura ${verb.name} --help`
  if (error instanceof UsageError)
    host.complain(`procura: ${error.message}${error.message.endsWith('?') ? '' : ';'} see ${help}`)
  else if (isCoded(error)) host.complain(`procura: ${inOwnWords(error.message, verb?.options)}${hint} (${error.code})`)
  else host.complain(`procura: ${reasonOf(error)}${hint}`)
}

/** Whether an error is of this library, which is not loaded for the question. */
function isCoded(error: unknown): error is Error & { readonly code: string } {
  const code = error instanceof Error ? (error as { readonly code?: unknown }).code : undefined
  return typeof code === 'string' && code.startsWith('ERR_') && !(error as object).hasOwnProperty.call(error, 'syscall')
}

function parse(
  words: readonly string[],
): ReturnType<typeof parseArgs<{ args: string[]; allowPositionals: true; options: typeof allOptions }>> {
  try {
    return parseArgs({ args: withDurations(words), allowPositionals: true, options: allOptions })
  } catch (error) {
    throw new UsageError(parseFault(reasonOf(error), verbIn(words)))
  }
}

/** The words, with a duration before now joined to its option: no option has such a name. CLI-45 */
function withDurations(words: readonly string[]): string[] {
  const end = words.indexOf('--')
  const joined: string[] = []
  for (const [at, word] of words.entries()) {
    const last = joined.at(-1) ?? ''
    const isValue = last.startsWith('--') && allOptions[last.slice(2)]?.type === 'string'
    if (isValue && (end < 0 || at < end) && /^-[1-9][0-9]{0,9}[smhdw]$/.test(word))
      joined[joined.length - 1] = `${last}=${word}`
    else joined.push(word)
  }
  return joined
}

/** The fault of a command line. A word that is not the name of an option is not shown: it may be a secret. */
function parseFault(message: string, verb: Verb | undefined): string {
  const [, dashed] = /^Option '(?:-\w, )?--([a-z-]+)(?: <value>)?' argument is ambiguous/.exec(message) ?? []
  if (dashed !== undefined)
    return `--${dashed} needs a value; write a value that begins with a dash with an equals sign, such as --${dashed}=-2h`
  const [, bare] = /^Option '(?:-\w, )?--([a-z-]+) <value>' argument missing/.exec(message) ?? []
  if (bare !== undefined) return `--${bare} needs a value`
  if (!message.startsWith('Unknown option')) return message.replaceAll('\n', ' ')
  const [, name] = /^Unknown option '--([a-z][a-z-]{0,30})'/.exec(message) ?? []
  if (name === undefined) return 'unknown option'
  const near = nearestName(name, verb?.options.map((option) => option.name) ?? Object.keys(allOptions))
  return `unknown option --${name}${near === undefined ? '' : `; did you mean --${near}?`}`
}

/** Every option in one table, because options may come before the verb. A verb takes only its own. */
const allOptions: Readonly<
  Record<string, { readonly type: 'string' | 'boolean'; readonly multiple: boolean; readonly short?: string }>
> = Object.freeze(
  Object.fromEntries([
    ...verbs.flatMap(({ options }) =>
      options.map(({ name, short, value }) => [
        name,
        {
          ...(value === undefined ? { type: 'boolean', multiple: false } : { type: 'string', multiple: true }),
          ...(short !== undefined && { short }),
        },
      ]),
    ),
    ['help', { type: 'boolean', multiple: false, short: 'h' }],
    ['version', { type: 'boolean', multiple: false, short: 'v' }],
  ]),
)

/** The verbs whose first word is the only word given. */
function groupOf(words: readonly string[]): readonly Verb[] | undefined {
  if (words.length !== 1 || verbs.some(({ name }) => name === words[0])) return undefined
  const group = verbs.filter(({ name }) => name.startsWith(`${words[0]} `))
  return group.length === 0 ? undefined : group
}

/** The verb that the first words name, also of a command line whose options are wrong. */
function verbIn([first = '', second = '']: readonly string[]): Verb | undefined {
  return verbs.find(({ name }) => name === `${first} ${second}`) ?? verbs.find(({ name }) => name === first)
}

function findVerb(words: readonly string[]): Verb {
  const [first = ''] = words
  const found = verbIn(words)
  if (found !== undefined) return found
  const group = groupOf([first])
  if (group !== undefined) {
    const rest = group.map(({ name }) => name.slice(first.length + 1))
    throw new UsageError(`${first} needs a verb: ${rest.join(', ')}`)
  }
  // The word is not shown: it may be a secret in the wrong place.
  const known = [...new Set(verbs.map(({ name }) => name.split(' ')[0] ?? ''))]
  const near = otherNames.get(first) ?? nearestName(first, known)
  throw new UsageError(`unknown command; ${near === undefined ? `use ${known.join(', ')}` : `did you mean ${near}?`}`)
}

/** Names that other programs have for the same. */
const otherNames: ReadonlyMap<string, string> = new Map([
  ['issue', 'delegate'],
  ['grant', 'delegate'],
  ['mint', 'delegate'],
  ['narrow', 'attenuate'],
  ['restrict', 'attenuate'],
  ['keygen', 'key new'],
  ['whoami', 'key show'],
  ['decode', 'inspect'],
  ['show', 'inspect'],
  ['check', 'why'],
  ['explain', 'why'],
  ['verify', 'why or audit verify'],
  ['secret', 'vault'],
  ['init', 'wrap'],
  ['setup', 'wrap'],
  ['install', 'wrap'],
  ['uninstall', 'unwrap'],
  ['logs', 'log'],
  ['ls', 'agent list or tools list'],
  ['version', '--version'],
])

/** The options of a verb. An option of another verb is refused, because the caller expects it to have an effect. */
function flagsOf(verb: Verb, values: Readonly<Record<string, unknown>>): Flags {
  const own = new Map(verb.options.map((option) => [option.name, option]))
  const flags: Record<string, string | boolean | readonly string[]> = {}
  for (const [name, value] of Object.entries(values)) {
    const option = own.get(name)
    if (option === undefined) throw new UsageError(`${verb.name} does not take --${name}`)
    flags[name] = optionValue(option, value as boolean | readonly string[])
  }
  return flags
}

function optionValue(option: VerbOption, value: boolean | readonly string[]): boolean | string | readonly string[] {
  if (typeof value === 'boolean') return value
  // A variable of a shell that is not set is an empty word. The caller expects a value to have an effect.
  if (value.includes('')) throw new UsageError(`--${option.name} is empty; pass its value, or leave it out`)
  if (option.choices !== undefined && !value.every((one) => option.choices?.includes(one)))
    throw new UsageError(`--${option.name} must be one of ${option.choices.join(', ')}`)
  if (option.many === true) return value
  // Of two values, the caller may expect the narrower one.
  if (value.length > 1) throw new UsageError(`--${option.name} is given more than once`)
  return value[0] ?? ''
}

async function printVersion(host: Host): Promise<number> {
  const { createRequire } = await import('node:module')
  const { version } = createRequire(import.meta.url)('procura-cli/package.json') as { readonly version: string }
  host.print(version)
  return 0
}

/** The message of any error, for example that a file is missing. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error'
}
