// node only: reads files
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describeSignerFile } from 'procura/signer/file'
import type { GatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'

/** Names of principals, by DID. */
export type PrincipalNames = Readonly<Record<string, string>>

/** Names of the principals that the home folder knows: its agents, the owner and the gateway. */
export async function namesOf({ path: configPath, service }: GatewayConfig): Promise<PrincipalNames> {
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
  const agents = await readdir(folder).catch(() => [])
  return namesIn(agents.map((name) => [name, join(folder, name, 'agent.key')]))
}

async function namesIn(known: readonly (readonly [name: string, path: string])[]): Promise<PrincipalNames> {
  const names: Record<string, string> = {}
  for (const [name, path] of known) {
    const { keys } = await describeSignerFile({ path }).catch(() => ({ keys: [] }))
    for (const { did } of keys) names[did] = name
  }
  return names
}
