// node only: uses node:process
import process from 'node:process'
import { AuditError, quote } from '../../errors.ts'
import type { FileState } from './log-files.ts'

/**
 * Refuses a file that belongs to another user, or that others may read or write. AUD-16
 *
 * Windows has access lists in place of owners and modes, and Node does not show them: there nothing is compared.
 *
 * @throws AuditError `ERR_AUDIT_CONFIGURATION`, with what to do.
 */
export function assertPrivate(path: string, { mode, owner }: Pick<FileState, 'mode' | 'owner'>): void {
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
