// node only: reads and writes files
import { realpath, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { quote } from '#support/quote.ts'
import { agentFolder, gatewayHome } from '../../gateway/configuration/home.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { userHome } from '../../support/user-home.ts'
import { readConfigFile, replaceConfigFile } from '../clients/config-file.ts'
import { exists } from '../home/home-files.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, operandOf, textOf, textsOf } from '../verb.ts'
import { type HookEntry, withEntry } from './hook-settings.ts'
import { temporaryWarning } from './temporary-program.ts'

/**
 * `procura hook install CLIENT`: writes the hook into the settings of Claude Code or Codex, or prints them. Other
 * settings stay as they are, and a hook of this program that is there is replaced. HKS-05
 */
export async function installHook(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const client = operandOf(words, 'the name of the client, claude or codex,')
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
  codex: 'start Codex and trust the hook (/hooks), because Codex silently skips a hook that is not trusted',
} as const

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
  return join(named !== undefined && named !== '' ? named : join(userHome(), folder), file)
}

/** The command line of the hook, for a shell. */
async function commandOf(flags: Flags, servers: readonly string[], host: Host): Promise<string> {
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const agent = await agentFolder(home, textOf(flags, 'agent'))
  // The hook of an absent agent would block each call.
  if (!(await exists(agent)))
    throw new UsageError(`the agent ${quote(agent, 256)} does not exist; \`procura agent list\` lists the agents`)
  const program = host.program ?? [process.execPath, await realpath(process.argv[1] ?? '').catch(() => 'procura')]
  const warning = temporaryWarning(program)
  if (warning !== undefined) host.complain(warning)
  const words = [...program, 'hook', '--agent', agent, ...servers.flatMap((one) => ['--server', one])]
  const keyFile = textOf(flags, 'delegations-key-file')
  if (keyFile !== undefined) words.push('--delegations-key-file', resolve(keyFile))
  if (flags['pass-approvable'] === true) words.push('--pass-approvable')
  return words.map(shellQuoted).join(' ')
}

async function writeNew(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    const next = error.code === 'ENOENT' ? '; make its folder first, or pass another --file' : ''
    throw new UsageError(`${quote(path, 128)} cannot be written (${error.code})${next}`)
  })
}
