// node only: reads files
import { join } from 'node:path'
import { type Delegation, systemClock } from 'procura'
import { describeSignerFile } from 'procura/signer/file'
import { endingSoon } from '../../gateway/agent-side/ending-soon.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import type { AgentStores } from '../home/agent-stores.ts'
import type { GatewayFile } from '../home/gateway-file.ts'
import { held, isOf } from '../home/issue.ts'
import { showDate, showDistance } from '../terminal/time-text.ts'
import type { WrapIndex } from '../wrap/wrap-index.ts'
import type { Finding } from './finding.ts'
import { type OwnerPlace, renewal } from './new-delegation.ts'

/** The findings about delegations that end soon, which are notes, and about those that have ended. */
export function endsOf(
  owner: OwnerPlace,
  agent: string,
  thing: string,
  own: readonly Delegation[],
): readonly Finding[] {
  const now = systemClock.now()
  return endingSoon(own, now).map(({ command, expiration, state }) => {
    const end = showDistance(expiration, now)
    const remedy = renewal(
      owner,
      agent,
      own.filter((one) => one.command === command),
    )
    const about = { check: 'delegations', thing, remedy }
    return state === 'ended'
      ? { ...about, fault: `expired ${end} (${command})` }
      : { ...about, fault: `expires ${showDate(expiration)}, ${end} (${command})`, note: true }
  })
}

/**
 * The ends of the delegations for APIs, and of agents that no wrapped configuration names.
 *
 * @param stores - opens the delegations without a question. Those that it cannot open are left out.
 */
export async function otherEnds(
  owner: OwnerPlace,
  indexes: readonly WrapIndex[],
  stores: AgentStores,
  { subjects, servers, content }: Pick<GatewayFile, 'subjects' | 'servers' | 'content'>,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const apis = Object.keys(Object(content['apis']))
  for (const agent of await namesInFolder(join(owner.home, 'agents'))) {
    const folder = join(owner.home, 'agents', agent)
    const { keys } = await describeSignerFile({ path: join(folder, 'agent.key') }).catch(() => ({ keys: [] }))
    const all = await stores(folder)
      .then(held)
      .catch(() => [])
    const own = all.filter(({ audience, issuer }) => audience === keys[0]?.did && subjects.includes(issuer))
    const wrapped = new Set(indexes.filter((one) => one.agent === agent).flatMap((one) => one.servers))
    const named = [
      ...apis.map((name) => ['API', name]),
      ...[...servers.keys()].map((name) => ['server', name]),
    ] as const
    for (const [kind, name = ''] of named) {
      if (kind === 'server' && wrapped.has(name)) continue
      const thing = `the delegation of the agent ${agent} for the ${kind} ${name}`
      const ends = endsOf(
        owner,
        agent,
        thing,
        own.filter((one) => isOf(one, name)),
      )
      // A delegation that a person made by hand may be meant to end.
      findings.push(...ends.map((one) => (kind === 'API' ? one : { ...one, note: true as const })))
    }
  }
  return findings
}
