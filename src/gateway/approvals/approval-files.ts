// node only: reads and writes files
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { createDurableFile } from '../../support/durable-file.ts'
import { readPrivateFile } from '../../support/private-file.ts'
import { systemClock } from '../../time.ts'

/** The requests of agents for approvals, and the answers of approvers: a file for each. */
export interface ApprovalFiles {
  /** The IDs of the requests. */
  ids(): Promise<readonly string[]>
  /** The request, as an agent has signed it; undefined when there is none, or other users have access to its file. */
  request(id: string): Promise<string | undefined>
  /** The answer, unverified. Everybody who can write into the folder can make one. */
  answer(id: string): Promise<string | undefined>
  putRequest(id: string, container: string): Promise<void>
  /** Replaces an answer in one step. */
  putAnswer(id: string, container: string): Promise<void>
  /** The delegations by which owners made others approvers, each a container with its chain. */
  enrolments(): Promise<readonly string[]>
  /** Adds one under a name of its own. */
  putEnrolment(id: string, container: string): Promise<void>
  /** Removes a request and its answer. */
  remove(id: string): Promise<void>
  /** Removes answers without a request, and drafts that a killed process left. */
  tidy(): Promise<void>
}

/**
 * The ID of a request: 16 characters of its CID, which are 80 bits of the digest of its bytes. APR-80
 */
export function approvalId(cid: CID): string {
  return String(cid).slice(8, 24)
}

/** Whether a text has the form of an ID. */
export function isApprovalId(text: string): boolean {
  return /^[a-z2-7]{16}$/.test(text)
}

const timeoutMs = 10_000

/** Milliseconds after which a draft belongs to a process that was killed. */
const draftMs = 60_000

/** Longest container, in characters. */
const mostLength = 524_288

/** Opens the folder, which is made with its first file. */
export function approvalFiles(folder: string): ApprovalFiles {
  const at = (id: string, kind: 'request' | 'answer' | 'approver'): string => join(folder, `${id}.${kind}`)

  async function read(path: string): Promise<string | undefined> {
    const file = await readPrivateFile(path, { timeoutMs }).catch(() => undefined)
    if (file === undefined || file === 'unchanged' || file.bytes.length > mostLength) return undefined
    return new TextDecoder('latin1').decode(file.bytes).trim()
  }

  /** A reader finds no file, or a whole one. */
  async function put(path: string, text: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const draft = join(folder, `.draft-${randomBytes(8).toString('hex')}`)
    try {
      await createDurableFile(draft, `${text}\n`)
      await rename(draft, path)
    } catch (error) {
      await unlink(draft).catch(() => undefined)
      throw error
    }
  }

  async function idsOf(kind: 'request' | 'answer' | 'approver'): Promise<readonly string[]> {
    const names = await readdir(folder).catch(() => [])
    return names
      .filter((name) => name.endsWith(`.${kind}`))
      .map((name) => name.slice(0, -kind.length - 1))
      .filter(isApprovalId)
  }

  return {
    ids: () => idsOf('request'),
    async enrolments() {
      const found = await Promise.all((await idsOf('approver')).map((id) => read(at(id, 'approver'))))
      return found.filter((one) => one !== undefined)
    },
    putEnrolment: (id, container) => put(at(id, 'approver'), container),
    request: (id) => read(at(id, 'request')),
    answer: (id) => read(at(id, 'answer')),
    putRequest: (id, container) => put(at(id, 'request'), container),
    putAnswer: (id, container) => put(at(id, 'answer'), container),
    async tidy() {
      const requests = new Set(await idsOf('request'))
      for (const id of await idsOf('answer'))
        if (!requests.has(id)) await unlink(at(id, 'answer')).catch(() => undefined)
      for (const name of await readdir(folder).catch(() => [])) {
        if (!name.startsWith('.draft-')) continue
        const path = join(folder, name)
        const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
        if (systemClock.now() * 1_000 - mtimeMs > draftMs) await unlink(path).catch(() => undefined)
      }
    },
    async remove(id) {
      // The answer goes first: one without its request would stay.
      await unlink(at(id, 'answer')).catch(() => undefined)
      await unlink(at(id, 'request')).catch(() => undefined)
    },
  }
}
