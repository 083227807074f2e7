// node only: asks the operating system
import { runProgram } from './run-program.ts'

/** An entry of the users of the system. */
export interface SystemUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  /** The home folder. */
  readonly home: string
}

/** Looks a user up by name or number, also in a directory of a network. Undefined: nobody knows one. */
export async function systemUser(given: string | number): Promise<SystemUser | undefined> {
  const ended = await runProgram(['getent', 'passwd', String(given)]).catch(() => undefined)
  if (ended?.code !== 0) return undefined
  const [name = '', , uid, gid, , home = ''] = Buffer.from(ended.output).toString('utf8').trim().split(':')
  return { name, uid: Number(uid), gid: Number(gid), home }
}
