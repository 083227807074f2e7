// node only: looks at a terminal
import { fstatSync } from 'node:fs'
import process from 'node:process'
import { UsageError } from '../usage-error.ts'

/**
 * Refuses a terminal of another user: its programs can read what a person types there, and draw over what is shown.
 * `sudo` may put a terminal of its own between, so the user that it names counts as well. CLI-27
 *
 * @param input - a stream of a terminal. One without a descriptor is not looked at.
 * @param user - the user of this process. Undefined where the system has none.
 * @param caller - the user that has called `sudo`, as `sudo` names it.
 * @throws UsageError when it belongs to another user.
 */
export function checkOwnTerminal(
  input: unknown,
  user: number | undefined = process.geteuid?.(),
  caller: string | undefined = process.env['SUDO_UID'],
): void {
  const { fd, isTTY } = Object(input) as { readonly fd?: unknown; readonly isTTY?: unknown }
  if (typeof fd !== 'number' || isTTY !== true || user === undefined) return
  const { uid: owner } = fstatSync(fd)
  const uid = owner === user && caller !== undefined ? Number(caller) : owner
  if (uid !== user)
    throw new UsageError(
      `the terminal belongs to the user ${uid}, whose programs can read and change what it shows, and this runs as the user ${user}; log in as that user on a terminal of its own, for example with \`ssh\` or \`machinectl shell\``,
    )
}
