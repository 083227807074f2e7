// node only: looks at a file
import { stat } from 'node:fs/promises'

/** A word that changes with each version of a file, or undefined without the file. */
export async function fileStamp(path: string): Promise<string | undefined> {
  const status = await stat(path, { bigint: true }).catch(() => undefined)
  return status && `${status.dev}:${status.ino}:${status.size}:${status.mtimeNs}`
}
