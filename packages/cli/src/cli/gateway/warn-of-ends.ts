// node only: reads files
import { systemClock } from 'procura'
import type { OnGatewayEvent } from '../../gateway/serve/events.ts'
import { inMessage } from '../home/host-at-home.ts'
import type { Host } from '../host.ts'
import { showDate, showDistance } from '../terminal/time-text.ts'
import type { Flags } from '../verb.ts'
import { type AgentAuthority, agentAuthorities } from './agent-authority.ts'

/** Seconds between two warnings. */
const day = 86_400

/** Milliseconds between two looks at the clock: a timer stands still while the machine sleeps. */
const lookMs = 3_600_000

/** Most delegations that a line names. */
const most = 4

/**
 * Warns of the delegations of a home folder that end soon or have ended: now, and once a day. GTW-96
 *
 * @returns the function that ends it.
 */
export async function warnOfEnds(home: string, flags: Flags, host: Host, onEvent: OnGatewayEvent): Promise<() => void> {
  let next = 0
  const look = async (): Promise<void> => {
    const now = systemClock.now()
    if (now < next) return
    next = now + day
    const line = lineOf(await agentAuthorities(home, flags, host), now)
    if (line !== undefined)
      onEvent({ level: 'warning', event: 'delegation_ends', message: inMessage(line, flags, host) })
  }
  // The gateway goes on without a warning.
  const lookQuietly = (): Promise<void> => look().catch(() => undefined)
  await lookQuietly()
  const timer = setInterval(() => void lookQuietly(), lookMs)
  timer.unref()
  return () => clearInterval(timer)
}

function lineOf(agents: readonly AgentAuthority[], now: number): string | undefined {
  const all = agents.flatMap(({ name, may, ended }) => [
    ...ended.map((one) => ({ ...one, name })),
    ...may.flatMap(({ endsSoon, expiration, command }) =>
      endsSoon && expiration !== null ? [{ name, command, expiration }] : [],
    ),
  ])
  if (all.length === 0) return undefined
  all.sort((one, other) => one.expiration - other.expiration)
  const shown = all.slice(0, most).map(({ name, command, expiration }) => {
    const verb = expiration < now ? 'ended' : 'ends'
    return `the one of ${name} for ${command} ${verb} ${showDate(expiration)} (${showDistance(expiration, now)})`
  })
  const rest = all.length > most ? `, and ${all.length - most} more` : ''
  return `delegations end: ${shown.join(', ')}${rest}; \`procura renew\` renews them`
}
