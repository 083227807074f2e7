// node only: uses node:fs
import { rmSync } from 'node:fs'
import { AuditError } from '../../../errors.ts'
import type { HeldLock } from '../../../support/file-lock/held-lock.ts'
import { quote } from '../../../support/quote.ts'
import { assertPrivate } from './assert-private.ts'
import type { LogFiles } from './log-files.ts'
import { type LogSettings, pathIn, segmentsOf } from './open-log.ts'

const chunk = 1_048_576

/**
 * Replaces the files to which a suspended writer, which lost the lock, may be about to write.
 *
 * @throws AuditError when a file is not private, or the lock was lost; errors of `files`.
 */
export async function fenceLog(log: LogSettings): Promise<void> {
  const { files, lock } = log
  const names = segmentsOf(log)
  for (const { file } of names.toReversed()) {
    const path = pathIn(log, file)
    await fenceFile(files, lock, path)
    // The writer of an empty file may also have been about to write to the file before it.
    if (files.stateAt(path)?.size !== 0) break
  }
  if (names.length > 0) files.syncDirectory(log.directory)
}

/**
 * Replaces a file of the log by a copy. A writer that lost the lock while it was suspended in a write has the old file
 * open: its write goes to a file that is not in the log. AUD-38
 *
 * The lock is renewed during the copy, even when the disk is so slow that the copy takes longer than a lease.
 *
 * @throws AuditError when the file is not private, or the lock was lost; errors of `files`.
 */
export async function fenceFile(files: LogFiles, lock: HeldLock, path: string): Promise<void> {
  const draft = lock.draft()
  const from = files.open(path, { create: false })
  try {
    assertPrivate(path, files.stateOf(from))
    const to = files.open(draft, { create: true })
    try {
      await copy(files, from, to)
    } finally {
      files.close(to)
    }
    if (!lock.publish(draft, path)) {
      throw new AuditError('ERR_AUDIT_INTEGRITY', `another process took the lock of ${quote(path, 256)}; try again`)
    }
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  } finally {
    files.close(from)
  }
}

async function copy(files: LogFiles, from: number, to: number): Promise<void> {
  for (let position = 0; ; ) {
    const bytes = files.read(from, position, chunk)
    if (bytes.length === 0) return
    const written = files.write(to, bytes)
    if (written !== bytes.length) throw Object.assign(new Error('no room for a copy of the file'), { code: 'ENOSPC' })
    position += written
    // Each piece is synced before the next one, so that no wait is as long as for the whole file.
    await files.sync(to)
  }
}
