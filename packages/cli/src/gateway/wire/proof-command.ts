import type { Command } from 'procura'

/** The command of the call by which a client proves its key at the beginning of a session. It has no effect. */
export const proofCommand = '/gateway/connect'

/** The command of the delegation by which the former key of a gateway names the DID that succeeds it. */
export const successorCommand = '/gateway/successor' as Command

/** Whether a delegation of a command is about a server or an API: about all of it, or about some of its tools. */
export function isAbout(command: string, whole: Command): boolean {
  const [wanted, given] = [`${whole}/`, command === '/' ? '/' : `${command}/`]
  return given.startsWith(wanted) || wanted.startsWith(given)
}
