// node only: its users serve sockets
import type { Standing } from './approval-desk.ts'

/** Most conversations of one branch, which is an agent with those below it, that wait for answers, and most of all agents that are not known. */
const most = Object.freeze({ ofBranch: 8, ofStrangers: 16 })

/** The conversations that wait for answers. */
export interface Waits {
  /** Returns whether the agent can wait; `end` follows then. */
  begin(standing: Standing): boolean
  end(standing: Standing): void
}

/** Makes the table. It has an entry for each conversation that waits, and no other. */
export function createWaits(): Waits {
  const open = new Map<string, number>()
  let strangers = 0
  return {
    begin({ branch, isKnown }) {
      const own = open.get(branch) ?? 0
      if (own >= most.ofBranch || (!isKnown && strangers >= most.ofStrangers)) return false
      open.set(branch, own + 1)
      if (!isKnown) strangers++
      return true
    },
    end({ branch, isKnown }) {
      const own = (open.get(branch) ?? 0) - 1
      if (own > 0) open.set(branch, own)
      else open.delete(branch)
      if (!isKnown) strangers--
    },
  }
}
