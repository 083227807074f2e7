// node only: starts a program
import { randomBytes } from 'node:crypto'
import { constants } from 'node:os'
import process from 'node:process'
import { quote } from '#support/quote.ts'
import { listenForApi } from '../../gateway/agent-side/connect/api/listen-for-api.ts'
import type { ApiListener } from '../../gateway/agent-side/connect/api/options.ts'
import { agentFolder, gatewayHome } from '../../gateway/configuration/home.ts'
import { withoutPassphrases } from '../../support/run-program.ts'
import { agentKeys } from '../gateway/connect.ts'
import { controlGateway } from '../gateway/control.ts'
import { type GatewayFile, gatewayPath, readGatewayFile } from '../home/gateway-file.ts'
import { placeGiven, vaultKey } from '../home/vault-key.ts'
import { revealAll } from '../home/wrap-home.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf, textsOf } from '../verb.ts'
import { agentEnvironment } from './agent-environment.ts'

/** `procura run -- PROGRAM`: runs an agent without the secrets of the vault in its environment. CLI-52 */
export async function runAgent(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const [program = '', ...rest] = words
  if (program === '') throw new UsageError('the program is missing, such as: procura run -- claude')
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const gateway = await readGatewayFile(home)
  if (gateway === undefined)
    throw new UsageError(`${quote(home, 256)} has no gateway.json; name the folder of the gateway with --home`)
  const apis = apisOf(gateway, textsOf(flags, 'api'))
  const agent = apis.size === 0 ? '' : await agentFolder(home, textOf(flags, 'agent'))
  await checkRunning(home)
  const key = await vaultKey(placeGiven(gateway.vault, flags), host, false)
  // The sealed originals are longer than any secret in them.
  const secrets = [...(await revealAll(gateway.vault.file, key))].filter(([name]) => !name.startsWith('procura-wrap/'))
  const passed = withoutPassphrases(host.env)
  // A passphrase can be there under another name, too.
  for (const [name, value = ''] of Object.entries(host.env))
    if (value !== '' && !(name in passed)) secrets.push([name, value])
  const runKey = randomBytes(32).toString('base64url')
  const cleaned = agentEnvironment(passed, {
    secrets: new Map(secrets),
    names: secretVariables(gateway),
    keep: textsOf(flags, 'keep'),
    keyFor: (credential) => ([...apis.values()].some((own) => own.has(credential)) ? runKey : undefined),
  })
  const lines = [...cleaned.changes]
  const listeners: ApiListener[] = []
  try {
    const variables: Record<string, string> = {}
    let isStarted = false
    const onFault = (message: string): void => {
      // The terminal belongs to the program then, and each request is answered with the fault.
      if (!isStarted) host.complain(message)
    }
    for (const api of apis.keys()) {
      const options = { ...agentKeys(flags, host), clientKey: runKey, onFault }
      const listener = await listenForApi({ api, agent, listen: '127.0.0.1:0', ...options })
      listeners.push(listener)
      const prefix = prefixOf(api)
      Object.assign(variables, { [`${prefix}_BASE_URL`]: `http://${listener.place}`, [`${prefix}_API_KEY`]: runKey })
      lines.push(`${prefix}_BASE_URL is the address of the API ${api}, and ${prefix}_API_KEY is the key for it`)
    }
    for (const line of lines) host.complain(`procura run: ${line}`)
    isStarted = true
    return await runProgram([program, ...rest], { ...cleaned.env, ...variables }, host)
  } finally {
    for (const listener of listeners) await listener.close()
  }
}

/** The chosen APIs, by default all, with the credentials of each. */
function apisOf({ content }: GatewayFile, chosen: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const { ...known } = Object(content['apis']) as Readonly<Record<string, { readonly secretHeaders?: object }>>
  const names = chosen.length === 0 ? Object.keys(known) : [...new Set(chosen)]
  const prefixes = new Map<string, string>()
  for (const name of names) {
    if (!Object.hasOwn(known, name)) throw new UsageError(`the gateway has no API ${quote(name)}`)
    const other = prefixes.get(prefixOf(name))
    if (other !== undefined)
      throw new UsageError(`the APIs ${other} and ${name} would have the same variables; choose one with --api`)
    prefixes.set(prefixOf(name), name)
  }
  return new Map(names.map((name) => [name, new Set(Object.values(known[name]?.secretHeaders ?? {}))]))
}

function prefixOf(api: string): string {
  return api.toUpperCase().replaceAll('-', '_')
}

/** The variables that servers get from the vault, with the first server of each. */
function secretVariables({ servers }: GatewayFile): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [server, definition] of servers)
    if (definition.type === 'stdio')
      for (const name of Object.keys(definition.secretEnv ?? {})) if (!found.has(name)) found.set(name, server)
  return found
}

/** Without the gateway, the agent would have no tool, and its own interface would hide the reason. CLI-53 */
async function checkRunning(home: string): Promise<void> {
  const answer = await controlGateway(gatewayPath(home), 'status')
  if (answer.state === 'down')
    throw new Error(
      'the gateway does not run, so the program was not started; run `procura start`, and then this again',
    )
  if (answer.state === 'fault') throw new Error(answer.message)
}

const forwarded = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const

/** Runs a program to its end, at the terminal of this process. Resolves its exit code. */
async function runProgram(
  [program = '', ...words]: readonly string[],
  env: Readonly<Record<string, string>>,
  host: Host,
): Promise<number> {
  const { spawn } = await import('node:child_process')
  const child = spawn(program, words, { env, stdio: 'inherit' })
  const pass = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGHUP') host.lostTerminal?.()
    // A terminal sends the signals of its keys to the program, too.
    if (!host.isTerminal || signal === 'SIGTERM' || signal === 'SIGHUP') child.kill(signal)
  }
  for (const signal of forwarded) process.on(signal, pass)
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', ({ code }: NodeJS.ErrnoException) => {
        if (child.pid === undefined) reject(new Error(`the program ${quote(program)} could not be started (${code})`))
      })
      child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
    })
  } finally {
    for (const signal of forwarded) process.off(signal, pass)
  }
}
