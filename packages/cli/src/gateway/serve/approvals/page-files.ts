// node only: reads and writes files
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { namesInFolder } from '../../../support/names-in-folder.ts'
import { idTexts } from './id-texts.ts'

/** The files of the page for approvals, in the folder of the approvals. */
export interface PageFiles {
  /**
   * The delegations to keys of the page, by ID: those of this run of the gateway, and at its start those of earlier
   * ones.
   *
   * @throws the error of the system when the folder cannot be read.
   */
  enrolments(): Promise<ReadonlyMap<string, string | undefined>>
  putEnrolment(id: string, container: string): Promise<void>
  removeEnrolment(id: string): Promise<void>
  /** The run of the page, as the gateway wrote it. */
  run(): Promise<string | undefined>
  putRun(text: string): Promise<void>
  removeRun(): Promise<void>
  /** The name of the page and its place, where both last from one run to the next. */
  lasting(): Promise<string | undefined>
  putLasting(text: string): Promise<void>
  removeLasting(): Promise<void>
  /** The enrolments that a person has ended, by their IDs. */
  endings(): Promise<readonly string[]>
  putEnding(id: string): Promise<void>
  /** A code that a person at a terminal has given to the page, with the run in it. */
  code(id: string): Promise<string | undefined>
  putCode(id: string, run: string): Promise<void>
  /** The key that the page has offered with a code. */
  offer(id: string): Promise<string | undefined>
  /** Keeps the first key for a code. Returns whether it is this one. */
  putOffer(id: string, did: string): Promise<boolean>
  /** Removes a code with its key. */
  removeCode(id: string): Promise<void>
}

/** Opens the folder, which is made with its first file. */
export function pageFiles(folder: string): PageFiles {
  const { at, read, put, putFirst, idsIn } = idTexts(folder)
  const [runPath, lastingPath] = [join(folder, 'page.run'), join(folder, 'page.name')]
  const remove = async (path: string): Promise<void> => {
    try {
      await unlink(path)
    } catch (cause) {
      // Two reloads can remove it at the same time. A folder that is a file is reported when it is listed.
      if (!['ENOENT', 'ENOTDIR'].includes(String((cause as NodeJS.ErrnoException).code))) throw cause
    }
  }
  return {
    async enrolments() {
      // A folder that cannot be read is not an empty one: its keys would stay approvers.
      const ids = idsIn(await namesInFolder(folder), 'page')
      return new Map(await Promise.all(ids.map(async (id) => [id, await read(at(id, 'page'))] as const)))
    },
    putEnrolment: (id, container) => put(at(id, 'page'), container),
    async removeEnrolment(id) {
      await remove(at(id, 'page'))
      await remove(at(id, 'ended'))
    },
    lasting: () => read(lastingPath),
    putLasting: (text) => put(lastingPath, text),
    removeLasting: () => remove(lastingPath),
    endings: async () => idsIn(await namesInFolder(folder), 'ended'),
    putEnding: (id) => put(at(id, 'ended'), 'ended'),
    run: () => read(runPath),
    putRun: (text) => put(runPath, text),
    removeRun: () => unlink(runPath).catch(() => undefined),
    code: (id) => read(at(id, 'code')),
    putCode: (id, run) => put(at(id, 'code'), run),
    offer: (id) => read(at(id, 'offer')),
    putOffer: (id, did) => putFirst(at(id, 'offer'), did).catch(() => false),
    async removeCode(id) {
      await unlink(at(id, 'code')).catch(() => undefined)
      await unlink(at(id, 'offer')).catch(() => undefined)
    },
  }
}
