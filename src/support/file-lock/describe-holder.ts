// node only: names the holder of a lock of files
import { quote } from '../../support/quote.ts'
import type { LockHolder } from './file-lock.ts'

/** Says who holds a lock, for messages: the process, and its machine where that is known. */
export function describeHolder(holder: LockHolder | undefined): string {
  if (holder === undefined) return 'another process'
  return `process ${holder.process}${holder.host === '' ? '' : ` on ${quote(holder.host, 256)}`}`
}
