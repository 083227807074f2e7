// node only: looks at a terminal
import { fstatSync } from 'node:fs'
import process from 'node:process'
import { UsageError } from './usage-error.ts'

/**
 * Refuses a terminal of another user, as under `sudo`: its programs can read what a person types there, and draw over
 * what is shown. CLI-27
 *
 * @param input - a stream of a terminal. One without a descriptor is not looked at.
 * @param user - the user of this process. Undefined where the system has none.
 * @throws UsageError when it belongs to another user.
 */
export function checkOwnTerminal(input: unknown, user: number | undefined = process.geteuid?.()): void {
  const { fd, isTTY } = Object(input) as { readonly fd?: unknown; readonly isTTY?: unknown }
  if (typeof fd !== 'number' || isTTY !== true || user === undefined) return
  const { uid } = fstatSync(fd)
  if (uid !== user)
    throw new UsageError(
      `the terminal belongs to the user ${uid}, whose programs can read and change what it shows, and this runs as the user ${user}; log in as that user on a terminal of its own, for example with \`ssh\` or \`machinectl shell\``,
    )
}
