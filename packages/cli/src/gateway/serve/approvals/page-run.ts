// node only: reads and writes files
/**
 * A run of the page for approvals: from the start of the gateway to its end. The page has an origin of its own in each
 * run, and the keys that its browsers make there are approvers in this run alone.
 *
 * @module
 */

import type { Delegation, Did } from 'procura'
import { verifyDelegation } from 'procura/authorization'
import { ArgumentError } from 'procura/errors'
import type { RevocationRegistry } from 'procura/revocation'
import { openContainer } from 'procura/token'
import { isApprovalId, randomApprovalId } from './id-texts.ts'
import type { PageFiles } from './page-files.ts'

/** The key of `meta` with the run for which a key of the page is an approver. The owner signs it. */
export const runKey = 'procura/page-run'

/** A run of the page. */
export interface PageRun {
  /** Random; the host of the page is `NAME.localhost`. */
  readonly name: string
  /** Takes the key of a browser for a code that a person has given to it. Returns why it is refused. */
  offer(code: string, did: string): Promise<string | undefined>
  /** The keys that an owner has enrolled in this run, and whose delegations are valid and not revoked now. */
  approvers(subjects: readonly Did[]): Promise<readonly Did[]>
}

/**
 * Begins a run. The keys of earlier runs end before: another process can have listened at the address of the page
 * meanwhile, and can have used them in the browser. APR-94
 *
 * @param lasting - the name of an earlier run, where no other process can have listened there: its keys go on
 * @throws ArgumentError when an enrolment cannot be read, and the error of the store when a revocation cannot be
 *   stored: the gateway must not go on then.
 */
export async function beginPageRun(
  files: PageFiles,
  revocations: RevocationRegistry,
  lasting?: string,
): Promise<PageRun> {
  const name = lasting ?? randomApprovalId()

  /** Revokes a delegation to a key of another run. */
  async function end(id: string, delegation: Delegation | undefined): Promise<void> {
    if (delegation?.meta?.[runKey] !== undefined)
      await revocations.add({ ids: [String(delegation.cid)], expiration: delegation.expiration })
    await files.removeEnrolment(id)
  }

  const earlier = await earlierEnrolments(files)
  const ended = await files.endings()
  for (const [id, container] of earlier) {
    // Its key would stay an approver without notice, for example after a backup was restored with other modes.
    const delegation = container === undefined ? undefined : await enrolmentIn(container)
    if (delegation === undefined)
      throw new ArgumentError(
        `the enrolment \`${id}.page\` in the folder of approvals cannot be read, so its key cannot be revoked; make the file a regular one that only this user can read (chmod 600), or revoke the delegation with \`procura revoke\` and remove the file`,
      )
    if (lasting === undefined || delegation.meta?.[runKey] !== lasting || ended.includes(id)) await end(id, delegation)
  }
  // A gateway that was killed has removed the enrolment alone.
  for (const id of ended) if (!earlier.has(id)) await files.removeEnrolment(id)
  return {
    name,
    async offer(code, did) {
      const ended = 'the code is not valid; run `procura approve --page` again'
      if (!isApprovalId(code) || (await files.code(code)) !== name) return ended
      if (!/^did:key:z[A-Za-z0-9]{1,128}$/.test(did)) return 'it is not a key'
      if (!(await files.putOffer(code, did))) return 'the code was used for another key'
      // A code is removed before its key. A key without a code came after the end of the code, and nobody reads it.
      if ((await files.code(code)) === name || (await files.offer(code)) === undefined) return undefined
      await files.removeCode(code)
      return ended
    },
    async approvers(subjects) {
      const found = new Set<Did>()
      const removed = await files.endings()
      for (const [id, container] of await files.enrolments()) {
        const last = container === undefined ? undefined : await enrolmentIn(container)
        const run = last?.meta?.[runKey]
        // The person has answered after the gateway was started again, or has ended it.
        const isEnded = removed.includes(id)
        if (run !== undefined && (run !== name || isEnded)) await end(id, last)
        if (container === undefined || run !== name || isEnded) continue
        const verdict = await verifyDelegation(container, { revocations }).catch(() => undefined)
        if (verdict?.verified !== true || verdict.proofs.length !== 1) continue
        const { subject, delegation } = verdict
        if (subjects.includes(subject) && delegation.meta?.[runKey] === name) found.add(delegation.audience)
      }
      return [...found]
    },
  }
}

/** The delegations in the files, by ID, unverified. */
export async function pageDelegations(
  files: Pick<PageFiles, 'enrolments' | 'endings'>,
): Promise<ReadonlyMap<string, Delegation>> {
  const [containers, ended] = [await files.enrolments(), await files.endings()]
  const found = new Map<string, Delegation>()
  for (const [id, container] of containers) {
    const one = container === undefined || ended.includes(id) ? undefined : await enrolmentIn(container)
    if (one !== undefined) found.set(id, one)
  }
  return found
}

async function earlierEnrolments(files: PageFiles): ReturnType<PageFiles['enrolments']> {
  try {
    return await files.enrolments()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new ArgumentError(
      `the folder of approvals cannot be read (${code}), so the keys of the page cannot be revoked; make it a folder of this user`,
      { cause },
    )
  }
}

async function enrolmentIn(container: string): Promise<Delegation | undefined> {
  try {
    return (await openContainer(container)).delegations.at(-1)
  } catch {
    return undefined
  }
}
