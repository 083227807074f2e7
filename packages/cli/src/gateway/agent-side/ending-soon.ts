import { anyCommand, type Command, type Delegation, never } from 'procura'
import { isScoped } from './is-scoped.ts'

/** Seconds before its end from which on a delegation is reported. */
const soon = 7 * 86_400

/** Seconds after its end for which a delegation can be renewed. */
export const renewableSeconds: number = 90 * 86_400

/** Authority that ends soon, or has ended. */
export interface Ending {
  readonly command: Command
  /** Its last second, since 1970. */
  readonly expiration: number
  readonly state: 'soon' | 'ended'
}

/**
 * The authority of an agent that ends within 7 days, or has ended, the first end first. A delegation for a whole server
 * is one for each of its tools: a command ends with the last delegation that covers it. WRP-56
 *
 * @param delegations - those to the agent, valid or not.
 * @param now - seconds since 1970.
 */
export function endingSoon(delegations: readonly Delegation[], now: number): readonly Ending[] {
  // An approval with a scope is meant to end, and is no renewal of another delegation.
  const usual = delegations.filter((one) => !isScoped(one))
  // An agent can fill its file: each delegation is looked at once.
  const last = new Map<string, number>()
  for (const { command, expiration } of usual)
    last.set(command, Math.max(last.get(command) ?? 0, expiration === never ? Number.POSITIVE_INFINITY : expiration))
  const ends = [...new Set(usual.map(({ command }) => command))].map((command) => {
    const expiration = Math.max(...above(command).map((one) => last.get(one) ?? 0))
    return { command, expiration, state: expiration < now ? ('ended' as const) : ('soon' as const) }
  })
  return ends
    .filter(({ expiration }) => expiration - now <= soon)
    .sort((one, other) => one.expiration - other.expiration)
}

/** A command, and those that cover it. */
function above(command: Command): readonly string[] {
  const segments = command.split('/')
  return [anyCommand, ...segments.slice(1).map((_, at) => segments.slice(0, at + 2).join('/'))]
}

/** Whether a delegation for a command is one for another command, too. */
export function covers(command: Command, other: string): boolean {
  return command === anyCommand || other === command || other.startsWith(`${command}/`)
}
