// node only: asks the system about processes
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import process from 'node:process'

/** The identity of a process, by which another process can find out whether it has ended. */
export interface ProcessIdentity {
  /**
   * The boot of the machine and the namespaces in which `process` and `started` are valid, as 16 hexadecimal digits.
   * Empty if the system does not report them; whether the process has ended is then unknown.
   */
  readonly scope: string
  readonly process: number
  /** Start of the process in ticks since the boot. A later process with the same number has another start. */
  readonly started: string
}

/** The identity of this process. */
export function ownIdentity(): ProcessIdentity {
  const stat = textOf('/proc/self/stat')
  const boot = textOf('/proc/sys/kernel/random/boot_id').trim()
  const namespaces = ['pid', 'time'].map((name) => linkOf(`/proc/self/ns/${name}`))
  // The /proc of another namespace contains the numbers of other processes.
  const known = boot !== '' && namespaces[0] !== '' && stat.startsWith(`${process.pid} `)
  const scope = known
    ? createHash('sha256')
        .update([boot, ...namespaces].join(' '))
        .digest('hex')
        .slice(0, 16)
    : ''
  return { scope, process: process.pid, started: known ? startIn(stat) : '' }
}

/**
 * Whether a process has certainly ended. A process id is valid within one boot of one machine and one PID namespace:
 * in another container the same number is another process.
 *
 * @param own - the identity of the process that calls this function.
 */
export function hasEnded(other: ProcessIdentity, own: ProcessIdentity): boolean {
  if (own.scope === '' || other.scope !== own.scope) return false
  try {
    process.kill(other.process, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true
  }
  const started = startIn(textOf(`/proc/${other.process}/stat`))
  return started !== '' && other.started !== '' && started !== other.started
}

/** Field 22 of a `stat` file, counted behind the name of the program, which can contain any character. */
function startIn(stat: string): string {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
