import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import process from 'node:process'

/** A program and its arguments. */
export type Command = readonly [program: string, ...args: string[]]

/**
 * A command that runs another one as process 1 of a PID namespace of its own, as a container does.
 *
 * @param host - the name of its machine; default this one's.
 */
export function contained(command: Command, host?: string): Command {
  const kinds = ['--pid', '--fork', '--mount-proc', '--kill-child', ...(host === undefined ? [] : ['--uts'])]
  const named = host === undefined ? command : ['sh', '-c', `hostname ${host}; exec "$@"`, 'sh', ...command]
  return ['unshare', ...kinds, ...named]
}

/** Whether this process may make namespaces. With `CI=true` it must. */
export function canContain(): boolean {
  try {
    const [program, ...args] = contained(['sh', '-c', 'echo $$'], 'web-1')
    return execFileSync(program, args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString() === '1\n'
  } catch {
    return false
  }
}

/**
 * Reports that this environment cannot run a test, and fails the test in continuous integration, where its absence
 * would be unnoticed.
 */
export function cannotContain(): void {
  const message = 'not tested: this process may not make PID namespaces by `unshare`, for which it has to be root'
  if (process.env['CI'] === 'true') throw new Error(message)
  process.stdout.write(`${message}\n`)
}

/** The process that runs in a namespace, by its number out here. */
export function innermost(pid: number): number {
  const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ')[0] ?? ''
  return child === '' ? pid : innermost(Number(child))
}
