// node only: its users read files
/** A request that waits. */
export interface Place {
  readonly agent: string
  /** The agent from which it has its delegation, whose places it shares where all are taken. Default: itself. */
  readonly branch?: string
  /** Whether the home folder has the key of its agent, or the agent has proved a delegation. */
  readonly isKnown: boolean
}

/** Most requests that wait, most of one agent, and most of all agents that are not known. APR-82 */
const most = Object.freeze({ requests: 256, ofAgent: 32, ofStrangers: 128 })

/**
 * The requests that can make room for a new one, the oldest first: those of the same agent where it has too many, else
 * those of the branch with the most. An agent with few requests keeps them.
 *
 * @param all - the requests that wait, the oldest first.
 * @returns undefined if there is room; an empty list if none can be replaced.
 */
export function displaceable<T extends Place>(
  all: readonly T[],
  { agent, branch = agent, isKnown }: Place,
): readonly T[] | undefined {
  const own = all.filter((one) => one.agent === agent)
  if (own.length >= most.ofAgent) return own
  const shared = all.filter((one) => branchOf(one) === branch)
  const strangers = all.filter((one) => !one.isKnown)
  if (!isKnown && strangers.length >= most.ofStrangers) return ofBusiest(strangers, shared.length + 1)
  if (all.length < most.requests) return undefined
  // Everybody can make keys, so the requests of strangers are the first to go.
  if (isKnown && strangers.length > 0) return ofBusiest(strangers, 0)
  return ofBusiest(isKnown ? all : strangers, shared.length + 1)
}

/** The requests of the branch that has the most of them, if these are more than `least`. */
function ofBusiest<T extends Place>(all: readonly T[], least: number): readonly T[] {
  const groups = new Map<string, T[]>()
  for (const one of all) groups.set(branchOf(one), [...(groups.get(branchOf(one)) ?? []), one])
  const [busiest = []] = [...groups.values()].sort((one, other) => other.length - one.length)
  return busiest.length > least ? busiest : []
}

function branchOf({ agent, branch = agent }: Place): string {
  return branch
}
