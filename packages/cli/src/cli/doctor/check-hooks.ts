// node only: runs a program
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { parse } from 'jsonc-parser'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { checkDepth } from '../clients/json-config.ts'
import { isHookCommand } from '../hooks/hook-settings.ts'
import type { WrapIndex } from '../wrap/wrap-index.ts'
import { connectedServers } from './check-clients.ts'
import type { Finding } from './finding.ts'
import { contentOf } from './search-places.ts'

/** Milliseconds in which a hook has to end. */
const hookMs = 10_000

/** A call that no hook of the gateway decides about. */
const harmless = JSON.stringify({
  hook_event_name: 'PreToolUse',
  tool_name: 'Read',
  tool_input: { file_path: '/dev/null' },
  session_id: 'procura-doctor',
  tool_use_id: 'procura-doctor',
})

/** Checks that a hook of the gateway is installed, that it runs, and that a failure of it blocks the call. WRP-27 */
export async function checkHooks(userHome: string, indexes: readonly WrapIndex[]): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const index of indexes) {
    if (index.client === 'claude') findings.push(...(await checkClaude(userHome, index)))
    if (index.client === 'codex') findings.push(...(await checkCodex(index)))
  }
  return findings
}

/** The command, in backticks, that installs the hook for the servers of a configuration. */
async function installation(index: WrapIndex, file?: string): Promise<string> {
  const connected = await connectedServers(index).catch(() => [])
  const servers = connected.map(({ entry, target: { server } }) =>
    entry.name === server ? server : `${entry.name}=${server}`,
  )
  const words = [
    ...[index.client, '--agent', index.agent],
    ...[...new Set(servers.length > 0 ? servers : index.servers)].flatMap((server) => ['--server', server]),
    ...(file === undefined ? [] : ['--file', file]),
  ]
  return `\`procura hook install ${words.map(shellQuoted).join(' ')}\``
}

interface Hook {
  readonly command: string
  readonly onFailure: unknown
  readonly file: string
}

async function checkClaude(userHome: string, index: WrapIndex): Promise<readonly Finding[]> {
  const files = [userHome, dirname(index.path)].flatMap((folder) =>
    ['settings.json', 'settings.local.json'].map((name) => join(folder, '.claude', name)),
  )
  const hooks = (await Promise.all([...new Set(files)].map(hooksIn))).flat()
  if (hooks.length === 0) return [await absent('Claude Code', index)]
  const findings: Finding[] = []
  for (const { command, onFailure, file } of hooks) {
    if (onFailure !== 'block')
      findings.push({
        check: 'hooks',
        thing: `the hook in ${file}`,
        fault: 'lets a call go on when it fails',
        remedy: 'add "onFailure": "block"; the gateway refuses unsigned calls in any case',
      })
    // A repository can bring settings of its own, which its client does not run before somebody trusts the folder.
    if (dirname(dirname(file)) !== userHome) {
      findings.push({
        check: 'hooks',
        thing: `the hook in ${file}`,
        fault: 'is in the settings of a project, and was not run',
        remedy: 'read its command, and run it by hand; or install the hook in your own settings',
        note: true,
      })
      continue
    }
    const fault = await run(command)
    if (fault !== undefined)
      findings.push({
        check: 'hooks',
        thing: `the hook in ${file}`,
        fault,
        remedy: `install it again with ${await installation(index, file)}`,
      })
  }
  return findings
}

async function hooksIn(file: string): Promise<readonly Hook[]> {
  const settings = Object(parse(await settingsIn(file))) as { readonly hooks?: { readonly PreToolUse?: unknown } }
  const groups = Object(settings.hooks).PreToolUse as unknown
  return (Array.isArray(groups) ? groups : []).flatMap((group: unknown) => {
    const { hooks } = Object(group) as { readonly hooks?: unknown }
    return (Array.isArray(hooks) ? hooks : []).flatMap((hook: unknown) => {
      const { command, onFailure } = Object(hook) as { readonly command?: unknown; readonly onFailure?: unknown }
      return isHookCommand(command) ? [{ command, onFailure, file }] : []
    })
  })
}

/** The text of settings. One that no client reads is as good as none. */
async function settingsIn(file: string): Promise<string> {
  const text = String((await contentOf(file)) ?? '')
  try {
    checkDepth(text)
    return text
  } catch {
    return ''
  }
}

async function absent(client: string, index: WrapIndex): Promise<Finding> {
  return {
    check: 'hooks',
    thing: client,
    fault: 'has no hook of the gateway, which would refuse a call early',
    remedy: `add one with ${await installation(index)}; the gateway decides without it, too`,
    note: true,
  }
}

async function checkCodex(index: WrapIndex): Promise<readonly Finding[]> {
  const { path: config } = index
  const text = String((await contentOf(config)) ?? '')
  const other = String((await contentOf(join(dirname(config), 'hooks.json'))) ?? '')
  const start = text.indexOf('[[hooks.')
  if (!isHookCommand(start < 0 ? '' : text.slice(start)) && !isHookCommand(other)) return [await absent('Codex', index)]
  return [
    {
      check: 'hooks',
      thing: 'Codex',
      fault: 'skips a hook that it does not trust, without a message',
      remedy: 'trust the hook at the start of an interactive session; the gateway decides without it, too',
      note: true,
    },
  ]
}

/** Runs a hook as its client does, with a call of a built-in tool. */
function run(command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const env = { ...process.env }
    // The hook has no use for the keys of this check.
    for (const name of Object.keys(env)) if (/^PROCURA_.*PASSPHRASE$/.test(name)) delete env[name]
    const child = spawn(command, { shell: true, env, stdio: ['pipe', 'ignore', 'ignore'], timeout: hookMs })
    child.on('error', () => resolve('cannot be started'))
    child.on('close', (code) => resolve(code === 0 ? undefined : `fails with the exit code ${code ?? 'of a signal'}`))
    child.stdin.on('error', () => undefined)
    child.stdin.end(harmless)
  })
}
