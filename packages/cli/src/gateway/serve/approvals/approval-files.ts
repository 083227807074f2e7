// node only: reads and writes files
import { readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { systemClock } from 'procura'
import { StoreError } from 'procura/errors'
import { quote } from '#support/quote.ts'
import { idTexts } from './id-texts.ts'

/** The requests of agents for approvals, and the answers of approvers: a file for each. */
export interface ApprovalFiles {
  /** The IDs of the requests. */
  ids(): Promise<readonly string[]>
  /**
   * The request, as an agent has signed it; undefined when it does not exist, or other users have access to its file.
   */
  request(id: string): Promise<string | undefined>
  /** The answer, unverified. Everybody who can write into the folder can make one. */
  answer(id: string): Promise<string | undefined>
  /** The body of the request to an API, in base64, unverified. */
  body(id: string): Promise<string | undefined>
  /** The chain of the agent of a request, as a container, unverified. */
  chain(id: string): Promise<string | undefined>
  putRequest(id: string, container: string): Promise<void>
  putBody(id: string, body: string): Promise<void>
  putChain(id: string, chain: string): Promise<void>
  /**
   * Keeps the first answer, of whichever process.
   *
   * @param isAnswer - whether the text of a file is an answer.
   * @returns whether it was the first.
   * @throws StoreError when something else is in its place: the agent may have written it.
   */
  putAnswer(id: string, container: string, isAnswer: (text: string | undefined) => Promise<boolean>): Promise<boolean>
  /** The delegations by which owners made others approvers, also those of the page, each a container with its chain. */
  enrolments(): Promise<readonly string[]>
  /** Adds one under a name of its own. */
  putEnrolment(id: string, container: string): Promise<void>
  /** Removes a request with its answer, its body and its chain. */
  remove(id: string): Promise<void>
  /** Removes what has no request, old codes for the page, and drafts that a killed process left. */
  tidy(): Promise<void>
}

/**
 * The ID of a request: 16 characters of its CID, which are 80 bits of the digest of its bytes. APR-80
 */
export function approvalId(cid: CID): string {
  return String(cid).slice(8, 24)
}

/** Milliseconds after which a draft belongs to a process that was killed. */
const draftMs = 60_000

/** Milliseconds for which a person can give a code to the page. */
export const codeMs = 600_000

/**
 * Returns the fault of something else in the place of an answer, for the person at the page, who can remove it.
 *
 * @throws any other error.
 */
export function faultOfPlace(error: unknown): string {
  if (error instanceof StoreError) return error.message
  throw error
}

/** Opens the folder, which is made with its first file. */
export function approvalFiles(folder: string): ApprovalFiles {
  const { at, read, put, putFirst, idsOf } = idTexts(folder)
  return {
    ids: () => idsOf('request'),
    async enrolments() {
      const kinds = ['approver', 'page'] as const
      const paths = await Promise.all(kinds.map(async (kind) => (await idsOf(kind)).map((id) => at(id, kind))))
      return (await Promise.all(paths.flat().map(read))).filter((one) => one !== undefined)
    },
    putEnrolment: (id, container) => put(at(id, 'approver'), container),
    request: (id) => read(at(id, 'request')),
    answer: (id) => read(at(id, 'answer')),
    body: (id) => read(at(id, 'body')),
    chain: (id) => read(at(id, 'chain')),
    putRequest: (id, container) => put(at(id, 'request'), container),
    putBody: (id, body) => put(at(id, 'body'), body),
    putChain: (id, chain) => put(at(id, 'chain'), chain),
    async putAnswer(id, container, isAnswer) {
      const path = at(id, 'answer')
      if (await putFirst(path, container)) return true
      if (await isAnswer(await read(path))) return false
      throw new StoreError(
        `${quote(path, 256)} is in the place of the answer, and is not one; remove it, and answer the request again`,
      )
    },
    async tidy() {
      const requests = new Set(await idsOf('request'))
      for (const kind of ['answer', 'body', 'chain'] as const)
        for (const id of await idsOf(kind)) if (!requests.has(id)) await unlink(at(id, kind)).catch(() => undefined)
      for (const name of await readdir(folder).catch(() => [])) {
        const most = name.startsWith('.draft-') ? draftMs : /\.(?:code|offer)$/.test(name) ? codeMs : undefined
        if (most === undefined) continue
        const path = join(folder, name)
        const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
        if (systemClock.now() * 1_000 - mtimeMs > most) await unlink(path).catch(() => undefined)
      }
    },
    async remove(id) {
      // The answer goes first: one without its request would stay.
      await unlink(at(id, 'answer')).catch(() => undefined)
      await unlink(at(id, 'body')).catch(() => undefined)
      await unlink(at(id, 'chain')).catch(() => undefined)
      await unlink(at(id, 'request')).catch(() => undefined)
    },
  }
}
