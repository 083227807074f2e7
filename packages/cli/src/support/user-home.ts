// node only: asks the operating system
import { homedir, userInfo } from 'node:os'
import { isAbsolute } from 'node:path'
import { ArgumentError } from 'procura/errors'

/**
 * The home folder of the user. An empty `HOME`, as a script with an unset variable leaves it, would make each path
 * below it one of the working directory, which may belong to somebody else.
 *
 * @throws ArgumentError when it is unknown.
 */
export function userHome(): string {
  for (const ask of [homedir, () => userInfo().homedir]) {
    const home = attempt(ask)
    if (home !== undefined && isAbsolute(home)) return home
  }
  throw new ArgumentError(
    'the home folder of this user is unknown; set HOME, or PROCURA_HOME for the folder of Procura',
  )
}

function attempt(ask: () => string): string | undefined {
  try {
    return ask()
  } catch {
    return undefined
  }
}
