// node only: reads and writes files
import { randomBytes } from 'node:crypto'
import { link, readdir, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { base32 } from 'multiformats/bases/base32'
import { createDurableFile } from '#support/durable-file.ts'
import { makeFolders } from '#support/make-folders.ts'
import { readPrivateFile } from '#support/private-file.ts'

/** The kinds of the files in the folder of approvals, which end their names. */
export type FileKind = 'request' | 'answer' | 'body' | 'chain' | 'approver' | 'page' | 'ended' | 'code' | 'offer'

/** The files of a folder: one text each, under an ID and a kind. */
export interface IdTexts {
  at(id: string, kind: FileKind): string
  /** None where the folder does not exist, or cannot be read. */
  idsOf(kind: FileKind): Promise<readonly string[]>
  /** The IDs of a kind among the names of files. */
  idsIn(names: readonly string[], kind: FileKind): readonly string[]
  /** Undefined when it does not exist, other users have access to it, or it is too long. */
  read(path: string): Promise<string | undefined>
  /** A reader finds no file, or a whole one. */
  put(path: string, text: string): Promise<void>
  /** Writes a text unless the file exists. Returns whether it was written: of two writers, one succeeds. */
  putFirst(path: string, text: string): Promise<boolean>
}

const timeoutMs = 10_000

/** Longest container, in characters. */
const mostLength = 524_288

/** A random text of the form of an ID. */
export function randomApprovalId(): string {
  return base32.baseEncode(randomBytes(10))
}

/** Whether a text has the form of an ID. */
export function isApprovalId(text: string): boolean {
  return /^[a-z2-7]{16}$/.test(text)
}

/** Opens the folder, which is made with its first file. */
export function idTexts(folder: string): IdTexts {
  const draft = (): string => join(folder, `.draft-${randomBytes(8).toString('hex')}`)
  async function write(text: string): Promise<string> {
    await makeFolders(folder)
    const made = draft()
    try {
      await createDurableFile(made, `${text}\n`)
      return made
    } catch (error) {
      await unlink(made).catch(() => undefined)
      throw error
    }
  }
  return {
    at: (id, kind) => join(folder, `${id}.${kind}`),
    idsOf: async (kind) => idsIn(await readdir(folder).catch(() => []), kind),
    idsIn,
    async read(path) {
      const file = await readPrivateFile(path, { timeoutMs }).catch(() => undefined)
      if (file === undefined || file === 'unchanged' || file.bytes.length > mostLength) return undefined
      return new TextDecoder('latin1').decode(file.bytes).trim()
    },
    async put(path, text) {
      const made = await write(text)
      try {
        await rename(made, path)
      } catch (error) {
        await unlink(made).catch(() => undefined)
        throw error
      }
    },
    async putFirst(path, text) {
      const made = await write(text)
      try {
        // Unlike a rename, it leaves another file in its place.
        await link(made, path)
        return true
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
        throw error
      } finally {
        await unlink(made).catch(() => undefined)
      }
    },
  }
}

function idsIn(names: readonly string[], kind: FileKind): readonly string[] {
  return names
    .filter((name) => name.endsWith(`.${kind}`))
    .map((name) => name.slice(0, -kind.length - 1))
    .filter(isApprovalId)
}
