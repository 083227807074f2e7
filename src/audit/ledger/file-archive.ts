// node only: writes files
import { randomBytes } from 'node:crypto'
import { link, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { AuditError } from '../../errors.ts'
import { createDurableFile } from '../../support/durable-file.ts'
import { makeFolders } from '../../support/make-folders.ts'
import { nonEmptyString, readOptions } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import type { DelegationArchive } from './delegation-archive.ts'

/**
 * Keeps each delegation in a file of its own, with its CID as the name. A file cannot be confused with another or
 * changed unnoticed, because its name is the hash of its content, and readers compare the two.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function fileArchive(options: { readonly directory: string }): DelegationArchive {
  const { directory } = readOptions('fileArchive', options, { directory: nonEmptyString })
  const pathOf = (cid: string): string => {
    if (!/^b[a-z2-7]{20,100}$/.test(cid)) throw unusable(directory, 'the CID is not in base32')
    return join(directory, `${cid}.ucan`)
  }
  return Object.freeze({
    put: async (cid, bytes) => {
      const path = pathOf(cid)
      const draft = `${path}.${randomBytes(8).toString('hex')}`
      try {
        await makeFolders(directory)
        await createDurableFile(draft, bytes)
        // The file appears whole, or not at all.
        await link(draft, path).catch(ignoreExisting)
        await unlink(draft)
      } catch (cause) {
        throw unusable(directory, 'a delegation could not be written', cause)
      }
    },
    get: async (cid) => {
      const path = pathOf(cid)
      try {
        return new Uint8Array(await readFile(path))
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw unusable(directory, 'a delegation could not be read', cause)
      }
    },
  } satisfies DelegationArchive)
}

function ignoreExisting(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
}

function unusable(directory: string, what: string, cause?: unknown): AuditError {
  const options = cause === undefined ? {} : { cause }
  return new AuditError('ERR_AUDIT_UNCONFIRMED', `the archive ${quote(directory, 256)} failed: ${what}`, options)
}
