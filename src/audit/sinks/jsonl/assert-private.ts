// node only: uses node:fs and node:process
import { constants } from 'node:fs'
import process from 'node:process'
import { AuditError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'
import type { FileState } from './log-files.ts'

/** Flags to open a private file for reading: no link is followed, and a pipe does not block. */
export const privately: number = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * Refuses a file that belongs to another user, or that others may read or write. AUD-16
 *
 * Windows has access lists in place of owners and modes, which Node does not report. Nothing is compared there.
 *
 * @throws AuditError `ERR_AUDIT_CONFIGURATION`, with the remedy.
 */
export function assertPrivate(path: string, { mode, owner, regular }: FileState): void {
  if (!regular) throw refused(path, 'is not a regular file; remove it')
  const user = process.geteuid?.()
  if (user === undefined) return
  if ((mode & 0o077) !== 0) {
    const octal = mode.toString(8).padStart(4, '0')
    throw refused(path, `has mode ${octal}, so other users may access it; run chmod 600`)
  }
  if (owner !== user) throw refused(path, `belongs to user ${owner} and this process is user ${user}; run chown`)
}

function refused(path: string, what: string): AuditError {
  return new AuditError('ERR_AUDIT_CONFIGURATION', `${quote(path, 256)} ${what}`)
}
