// node only: names the holder of a file lock
import { quote } from '../quote.ts'
import type { LockHolder } from './file-lock.ts'

/** Names the holder of a lock for a message: the process, and its machine if known. */
export function describeHolder(holder: LockHolder | undefined): string {
  if (holder === undefined) return 'another process'
  return `process ${holder.process}${holder.host === '' ? '' : ` on ${quote(holder.host, 256)}`}`
}
