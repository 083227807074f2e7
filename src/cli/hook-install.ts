// node only: reads and writes files
import { realpath, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { applyEdits, modify, type ParseError, parse } from 'jsonc-parser'
import { agentFolder, gatewayHome } from '../gateway/home.ts'
import { objectValue } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import type { Host } from './host.ts'
import { UsageError } from './usage-error.ts'
import { type Flags, operandOf, textOf, textsOf } from './verb.ts'
import { readConfigFile, replaceConfigFile } from './wrap/config-file.ts'
import { exists } from './wrap/home-files.ts'

/**
 * `procura hook install CLIENT`: writes the hook into the settings of Claude Code or Codex, or prints them. Other settings
 * stay as they are, and a hook of this program that is there is replaced. HKS-05
 */
export async function installHook(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const client = operandOf(words, 'the client: claude or codex')
  if (client !== 'claude' && client !== 'codex') throw new UsageError('the client must be claude or codex')
  const servers = textsOf(flags, 'server')
  if (servers.length === 0)
    throw new UsageError('--server is missing: each server of the gateway that the client calls')
  const path = textOf(flags, 'file') ?? defaultFile(client, host)
  const entry = entryOf(client, servers, await commandOf(flags, servers, host))
  if (flags['print'] === true) {
    const settings = JSON.stringify({ hooks: { PreToolUse: [entry] } }, undefined, 2)
    for (const line of settings.split('\n')) host.print(line)
    return 0
  }
  if (await exists(path)) {
    const file = await readConfigFile(path)
    await replaceConfigFile(file, withEntry(file.text, entry, path))
  } else await writeNew(path, withEntry('{}\n', entry, path))
  host.complain(`${path} has the hook; ${advice[client]}`)
  return 0
}

const advice = {
  claude: 'it blocks a call also when the hook itself fails',
  codex: 'start Codex and trust the hook (/hooks), because Codex skips a hook that is not trusted without a word',
} as const

interface HookEntry {
  readonly matcher: string
  readonly hooks: readonly object[]
}

function entryOf(client: 'claude' | 'codex', servers: readonly string[], command: string): HookEntry {
  const names = servers.map((one) => (one.includes('=') ? one.slice(0, one.lastIndexOf('=')) : one))
  const matcher = `mcp__(?:${names.map((name) => name.replace(/[^A-Za-z0-9_-]/g, '_')).join('|')})__.*`
  // Codex has no such option: a hook that fails lets the call pass.
  const onFailure = client === 'claude' && { onFailure: 'block' }
  return { matcher, hooks: [{ type: 'command', command, ...onFailure }] }
}

function defaultFile(client: 'claude' | 'codex', { env }: Host): string {
  const [variable, folder, file] =
    client === 'claude'
      ? (['CLAUDE_CONFIG_DIR', '.claude', 'settings.json'] as const)
      : (['CODEX_HOME', '.codex', 'hooks.json'] as const)
  const named = env[variable]
  return join(named !== undefined && named !== '' ? named : join(homedir(), folder), file)
}

/** The command line of the hook, for a shell. */
async function commandOf(flags: Flags, servers: readonly string[], host: Host): Promise<string> {
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const agent = await agentFolder(home, textOf(flags, 'agent'))
  const program = await realpath(process.argv[1] ?? '').catch(() => 'procura')
  const words = [process.execPath, program, 'hook', '--agent', agent, ...servers.flatMap((one) => ['--server', one])]
  if (flags['pass-approvable'] === true) words.push('--pass-approvable')
  return words
    .map((word) => (/^[A-Za-z0-9_./=:@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ')
}

function withEntry(text: string, entry: HookEntry, path: string): string {
  const groups = groupsIn(text, path)
  const known = groups.findIndex((one) => hooksOf(one).some(isOurs))
  const hooks = hooksOf(groups[known])
  // The user may have added hooks to the entry, which stay.
  const isShared = !hooks.every(isOurs)
  const old = isShared ? hooks.flatMap((hook, at) => (isOurs(hook) ? [at] : [])) : []
  const rest = old.reduceRight((left, at) => edited(left, ['hooks', 'PreToolUse', known, 'hooks', at], undefined), text)
  const next = edited(rest, ['hooks', 'PreToolUse', known < 0 || isShared ? groups.length : known], entry)
  // Of two members with one name, a client reads the last one, and the editor changes the first one.
  if (groupsIn(next, path).some((one) => JSON.stringify(one) === JSON.stringify(entry))) return next
  throw new UsageError(`${quote(path, 128)} has a key twice on the way to its hooks; remove one of the two`)
}

function edited(text: string, place: (string | number)[], value: unknown): string {
  const formattingOptions = { insertSpaces: true, tabSize: 2, eol: text.includes('\r\n') ? '\r\n' : '\n' }
  return applyEdits(text, modify(text, place, value, { formattingOptions }))
}

/** The entries for the event, each of which has a list of hooks. */
function groupsIn(text: string, path: string): readonly unknown[] {
  const errors: ParseError[] = []
  const settings: unknown = parse(text, errors, { allowTrailingComma: true })
  const { hooks = {} } = Object(settings) as { readonly hooks?: unknown }
  const { PreToolUse: groups = [] } = Object(hooks) as { readonly PreToolUse?: unknown }
  if (errors.length === 0 && objectValue(settings) === undefined && Array.isArray(groups)) return groups
  throw new UsageError(`${quote(path, 128)} is not settings in JSON with \`hooks\`; correct it, or use --print`)
}

function hooksOf(group: unknown): readonly unknown[] {
  const { hooks } = Object(group) as { readonly hooks?: unknown }
  return Array.isArray(hooks) ? hooks : []
}

/** Only this program has a verb and an option of these names in a hook. */
function isOurs(hook: unknown): boolean {
  const { command } = Object(hook) as { readonly command?: unknown }
  return typeof command === 'string' && command.includes(' hook --agent ')
}

async function writeNew(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${quote(path, 128)} cannot be written (${error.code})`)
  })
}
