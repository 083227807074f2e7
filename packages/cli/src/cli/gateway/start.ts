// node only: starts a process
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import process from 'node:process'
import { quote } from '#support/quote.ts'
import type { RunningStatus } from '../../gateway/wire/control.ts'
import { vaultKey, vaultVariable } from '../home/vault-key.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import type { Flags } from '../verb.ts'
import { controlGateway, sendControl } from './control.ts'
import { openServeLog, serveLogPath } from './serve-log.ts'
import { configOf, configPlace } from './tools.ts'

/** Milliseconds until the gateway has to listen: it may wait for the one before it, and for slow servers. */
const startMs = 120_000

/** Milliseconds between two questions. */
const pollMs = 50

/** Bytes of its output that are shown when it ends. */
const shownBytes = 8_192

/**
 * `procura start`: starts `procura serve` in the background, and waits until it listens. CLI-33
 *
 * @returns 0 also when it runs already.
 */
export async function start(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('too many words; the servers and APIs are in gateway.json')
  const before = await controlGateway(configPlace(flags, host), 'status')
  if (before.state === 'done') return announce(before.data, 'runs already', flags, host)
  // One that ends, or that another program starts, has the locks: the new one waits for them.
  if (before.state !== 'down' && before.running === undefined) throw new Error(before.message)
  const config = await configOf(flags, host)
  const { keyFile } = config.vault
  const key = keyFile === undefined ? await vaultKey(config.vault, host, false) : {}
  const home = dirname(config.path)
  const log = openServeLog(home)
  const begun = fstatSync(log).size
  const child = await launch(config.path, log, host)
  closeSync(log)
  // A pipe that this process and the child have, and no other: not the arguments, the environment or a file.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end('passphrase' in key ? key.passphrase : '')
  let hasEnded = false
  const exit = new Promise<void>((resolve) => {
    child.once('exit', () => {
      hasEnded = true
      resolve()
    })
  })
  const deadline = performance.now() + startMs
  for (;;) {
    // Asked for after the look at the process, so its last state is known when it has ended.
    const isOver = hasEnded || performance.now() > deadline
    const answer = await sendControl(config.path, 'status')
    if (answer.state === 'done') {
      const isOwn = answer.data.process === child.pid
      // It would wait for the locks, and follow the gateway that somebody ends.
      if (!isOwn) {
        child.kill('SIGKILL')
        await exit
      }
      child.unref()
      return announce(answer.data, isOwn ? 'runs' : 'runs already', flags, host)
    }
    if (isOver && (performance.now() > deadline || !(await startsElsewhere(config.path)))) break
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  child.unref()
  if (!hasEnded)
    throw new Error(
      `the gateway (process ${child.pid}) does not listen after ${startMs / 1_000} s; its output is in ${quote(serveLogPath(home), 256)}`,
    )
  for (const line of linesSince(home, begun)) host.complain(line)
  host.complain(`the gateway did not start; its output is in ${quote(serveLogPath(home), 256)}`)
  return 2
}

/** Whether another process has the state of the gateway: it listens, or does so soon. */
async function startsElsewhere(config: string): Promise<boolean> {
  const answer = await controlGateway(config, 'status')
  return answer.state === 'done' || (answer.state !== 'down' && answer.running !== undefined)
}

async function launch(config: string, log: number, host: Host): Promise<ChildProcess> {
  const [program = '', ...before] = host.program ?? [process.execPath, await realpath(process.argv[1] ?? '')]
  const env = { ...host.env }
  Reflect.deleteProperty(env, vaultVariable)
  const child = spawn(program, [...before, 'serve', '--background', '--config', config], {
    cwd: dirname(config),
    // A session of its own, which a closed terminal does not end.
    detached: true,
    env,
    stdio: ['pipe', log, log],
  })
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  return child
}

function announce(status: RunningStatus, state: string, flags: Flags, host: Host): number {
  const { process: id, place, servers, apis, dryRun } = status
  if (flags['json'] === true) host.print(JSON.stringify(status))
  else {
    const count = (some: readonly unknown[], one: string): string =>
      `${some.length} ${one}${some.length === 1 ? '' : 's'}`
    const parts = [count(servers, 'server'), ...(apis.length > 0 ? [count(apis, 'API')] : [])]
    host.print(`the gateway ${state}: process ${id}, listening on ${place}, ${parts.join(', ')}`)
  }
  if (dryRun) host.complain('warning: DRY RUN: every call runs, also a forbidden one; decisions are only recorded')
  for (const { name, fault } of servers)
    if (fault !== undefined) host.complain(`warning: server ${name}: not available: ${fault}`)
  return 0
}

/** The output of the gateway that has ended. */
function linesSince(home: string, begun: number): readonly string[] {
  const file = openSync(serveLogPath(home), 'r')
  try {
    const { size } = fstatSync(file)
    const from = Math.max(size < begun ? 0 : begun, size - shownBytes)
    const bytes = Buffer.alloc(Math.max(0, size - from))
    readSync(file, bytes, 0, bytes.length, from)
    return bytes.toString('utf8').trim().split('\n')
  } finally {
    closeSync(file)
  }
}
