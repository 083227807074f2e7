// node only: starts programs
import { type ChildProcess, spawn } from 'node:child_process'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import { quote } from '#support/quote.ts'
import { networkVariables } from '../../../support/proxy.ts'
import type { StdioServerConfig } from '../../configuration/read-gateway-config.ts'
import { type LastLines, lastLines } from './last-lines.ts'
import { redactStream } from './redact-secrets.ts'
import { openStderrFile, type StderrFile } from './stderr-file.ts'
import { UpstreamError } from './upstream-error.ts'

/** A running server. */
export interface RunningChild {
  readonly input: Writable
  readonly output: Readable
  /** Resolves when the program has ended, to the way it ended, such as `exit code 1`. */
  readonly ended: Promise<string>
  /** The last lines of its standard error, if they were asked for. */
  readonly errors: LastLines | undefined
  /** Ends the program and its children: closes its input, then SIGTERM, then SIGKILL. Resolves when it has ended. */
  stop(): Promise<void>
}

/** The waits of {@link RunningChild.stop}, in milliseconds: after the end of the input, and after SIGTERM. */
const patience = Object.freeze({ inputMs: 1_000, termMs: 2_000 })

/** The variables that a program gets from the environment of the gateway. GTW-13 */
const inherited: readonly string[] = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR'],
  ...networkVariables,
]

/**
 * Starts the program of a server.
 *
 * @param secrets - its secret variables. They go into the environment of the program, and nowhere else. Its standard
 *   error shows them redacted.
 * @param keepsErrors - whether the last lines of its standard error are kept.
 * @throws UpstreamError when it cannot be started.
 */
export async function startChild(
  server: string,
  config: StdioServerConfig,
  secrets: Readonly<Record<string, string>>,
  keepsErrors = false,
): Promise<RunningChild> {
  const { command, args, cwd, env, stderr } = config
  const own = Object.fromEntries(inherited.flatMap((name) => entryOf(name, process.env[name])))
  const errors = stderr === undefined ? undefined : stderrFile(server, stderr)
  let child: ChildProcess
  try {
    child = spawn(command, args, {
      cwd,
      env: { ...own, ...env, ...secrets },
      stdio: ['pipe', 'pipe', errors !== undefined || keepsErrors ? 'pipe' : 'ignore'],
      // A group of its own: programs such as npx start the server as a child of theirs.
      detached: true,
      windowsHide: true,
    })
  } catch (error) {
    errors?.close()
    throw startFailure(server, command, error)
  }
  const ended = endOf(child)
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error) => {
      errors?.close()
      reject(startFailure(server, command, error))
    })
  })
  // A write to a program that has just ended fails; its end is reported by `ended`.
  child.stdin?.on('error', () => undefined)
  child.stdout?.on('error', () => undefined)
  const shown = child.stderr === null ? undefined : redactStream(child.stderr, secrets)
  if (shown !== undefined) errors?.copy(shown)
  let stopping: Promise<void> | undefined
  return {
    input: child.stdin as Writable,
    output: child.stdout as Readable,
    ended,
    errors: keepsErrors && shown !== undefined ? lastLines(shown) : undefined,
    stop() {
      stopping ??= stop(child, ended)
      return stopping
    },
  }
}

function stderrFile(server: string, path: string): StderrFile {
  try {
    return openStderrFile(path)
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new UpstreamError(
      'server_unavailable',
      `the file for the standard error of the server ${quote(server)} cannot be used (${code}); check \`stderr\` in gateway.json`,
    )
  }
}

function entryOf(name: string, value: string | undefined): [string, string][] {
  return value === undefined ? [] : [[name, value]]
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', () => resolve('it could not be started'))
    child.once('exit', (code, signal) => {
      // The rest of its group has lost the connection, and must not keep the secrets.
      signalGroup(child, 'SIGKILL')
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`)
    })
  })
}

async function stop(child: ChildProcess, ended: Promise<string>): Promise<void> {
  child.stdin?.end()
  if (await isOver(ended, patience.inputMs)) return
  signalGroup(child, 'SIGTERM')
  if (await isOver(ended, patience.termMs)) return
  signalGroup(child, 'SIGKILL')
  await ended
}

async function isOver(ended: Promise<string>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds)
  })
  try {
    return await Promise.race([ended.then(() => true), timeout])
  } finally {
    clearTimeout(timer)
  }
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // The group has ended.
  }
}

/** The message has the code of the system, and no argument: a secret may be there by mistake. */
function startFailure(server: string, command: string, error: unknown): UpstreamError {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  const remedy = code === 'ENOENT' ? '; check `command` and `cwd` in gateway.json' : ''
  return new UpstreamError(
    'server_unavailable',
    `the program ${quote(command, 128)} of the server ${quote(server)} could not be started (${code})${remedy}`,
  )
}
