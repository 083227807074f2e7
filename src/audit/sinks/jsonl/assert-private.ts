// node only: uses node:fs and node:process
import { constants } from 'node:fs'
import process from 'node:process'
import { AuditError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'
import type { FileState } from './log-files.ts'

/** How a private file is opened for reading: a link is not followed, and a pipe is not waited for. */
export const privately: number = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * Refuses a file that belongs to another user, or that others may read or write. AUD-16
 *
 * Windows has access lists in place of owners and modes, and Node does not show them: there nothing is compared.
 *
 * @throws AuditError `ERR_AUDIT_CONFIGURATION`, with what to do.
 */
export function assertPrivate(path: string, { mode, owner, regular }: FileState): void {
  if (!regular) throw refused(path, 'is not a file; remove it')
  const user = process.geteuid?.()
  if (user === undefined) return
  if ((mode & 0o077) !== 0) {
    const octal = mode.toString(8).padStart(4, '0')
    throw refused(path, `has mode ${octal}, so that others may use it; run chmod 600`)
  }
  if (owner !== user) throw refused(path, `belongs to user ${owner} and this process is user ${user}; run chown`)
}

function refused(path: string, what: string): AuditError {
  return new AuditError('ERR_AUDIT_CONFIGURATION', `${quote(path, 256)} ${what}`)
}
