// node only: reads files
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describeSignerFile } from 'procura/signer/file'
import { isAgentName } from './home.ts'
import type { GatewayConfig } from './read-gateway-config.ts'

/** Names of principals, by DID. */
export type PrincipalNames = Readonly<Record<string, string>>

/** Names of the principals that the home folder knows: its agents, the owner and the gateway. */
export async function namesOf({
  path: configPath,
  service,
}: Pick<GatewayConfig, 'path' | 'service'>): Promise<PrincipalNames> {
  const home = dirname(configPath)
  const agents = Object.entries(await agentNames(home)).map(([did, name]) => [did, `agent ${name}`])
  const others = await namesIn([
    ['the owner', join(home, 'owner.key')],
    ['this gateway', service.key],
  ])
  return { ...Object.fromEntries(agents), ...others }
}

/** The names of the agents in a home folder. */
export async function agentNames(home: string): Promise<PrincipalNames> {
  const folder = join(home, 'agents')
  // The name of another folder could be words, or turn the terminal that shows it.
  const agents = (await readdir(folder).catch(() => [])).filter(isAgentName)
  return namesIn(agents.map((name) => [name, join(folder, name, 'agent.key')]))
}

async function namesIn(known: readonly (readonly [name: string, path: string])[]): Promise<PrincipalNames> {
  const names = new Map<string, string | undefined>()
  for (const [name, path] of known) {
    const { keys } = await describeSignerFile({ path }).catch(() => ({ keys: [] }))
    // An agent can write the DID of another one into its key file. A DID with two names has none.
    for (const { did } of keys) names.set(did, names.has(did) && names.get(did) !== name ? undefined : name)
  }
  return Object.fromEntries([...names].filter((one): one is [string, string] => one[1] !== undefined))
}
