import { toolCommand } from './tool-command.ts'

/** The command of the call by which a client proves its key at the beginning of a session. It has no effect. */
export const proofCommand = '/gateway/connect'

/** Whether a delegation of a command is about tools of a server: of all of them, or of some. */
export function isForServer(command: string, server: string): boolean {
  const whole = `${toolCommand(server)}/`
  const given = command === '/' ? '/' : `${command}/`
  return given.startsWith(whole) || whole.startsWith(given)
}
