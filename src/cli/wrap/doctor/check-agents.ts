// node only: reads files
import { join } from 'node:path'
import type { Delegation } from '../../../delegation/delegation.ts'
import { never, systemClock } from '../../../time.ts'
import type { AgentStores } from '../../agent-stores.ts'
import { showDate, showDistance } from '../../time-text.ts'
import { held, isOf } from '../issue.ts'
import type { WrapIndex } from '../wrap-index.ts'
import type { Finding } from './finding.ts'

/** Seconds before the end of a delegation from which on it is reported. */
const soon = 7 * 86_400

/** Checks that each agent has a delegation for each of its servers, and that none ends soon. WRP-24 */
export async function checkDelegations(
  home: string,
  indexes: readonly WrapIndex[],
  stores: AgentStores,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const { agent, servers } of indexes) {
    let delegations: readonly Delegation[]
    try {
      delegations = await held(await stores(join(home, 'agents', agent)))
    } catch (error) {
      const fault = `has delegations that cannot be read: ${(error as Error).message}`
      findings.push({
        check: 'delegations',
        thing: `the agent ${agent}`,
        fault,
        remedy: 'pass the key of its delegations, restore its folder, or wrap again',
      })
      continue
    }
    findings.push(...servers.flatMap((server) => findingsFor(agent, server, delegations)))
  }
  return findings
}

function findingsFor(agent: string, server: string, delegations: readonly Delegation[]): readonly Finding[] {
  const now = systemClock.now()
  const thing = `the delegation of the agent ${agent} for the server ${server}`
  const remedy = `make a new one with \`procura delegate\`, or run \`procura unwrap\` and \`procura wrap\` again`
  const finding = (fault: string): Finding => ({ check: 'delegations', thing, fault, remedy })
  const own = delegations.filter((one) => isOf(one, server))
  if (own.length === 0) return [finding('is missing')]
  return [...new Set(own.map(({ command }) => command))].flatMap((command) => {
    // A delegation for the whole server is one for each of its tools.
    const ends = own
      .filter((one) => command === one.command || command.startsWith(`${one.command}/`))
      .map(({ expiration }) => (expiration === never ? Number.POSITIVE_INFINITY : expiration))
    const last = Math.max(...ends)
    if (last < now) return [finding(`expired ${showDistance(last, now)} (${command})`)]
    return last - now > soon ? [] : [finding(`expires ${showDate(last)}, ${showDistance(last, now)} (${command})`)]
  })
}
