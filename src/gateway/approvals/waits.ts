// node only: its users serve sockets
/** Most conversations of one agent that wait for answers, and most of all agents that are not known. */
const most = Object.freeze({ ofAgent: 8, ofStrangers: 16 })

/** The conversations that wait for answers. */
export interface Waits {
  /** Returns whether the agent can wait; `end` follows then. */
  begin(agent: string, isKnown: boolean): boolean
  end(agent: string, isKnown: boolean): void
}

/** Makes the table. It has an entry for each conversation that waits, and no other. */
export function createWaits(): Waits {
  const open = new Map<string, number>()
  let strangers = 0
  return {
    begin(agent, isKnown) {
      const own = open.get(agent) ?? 0
      if (own >= most.ofAgent || (!isKnown && strangers >= most.ofStrangers)) return false
      open.set(agent, own + 1)
      if (!isKnown) strangers++
      return true
    },
    end(agent, isKnown) {
      const own = (open.get(agent) ?? 0) - 1
      if (own > 0) open.set(agent, own)
      else open.delete(agent)
      if (!isKnown) strangers--
    },
  }
}
