// node only: reads files
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { GatewayConfig } from '../gateway/configuration/read-gateway-config.ts'
import { describeSignerFile } from '../signer-file/signer-file.ts'

/** Names of principals, by DID. */
export type PrincipalNames = Readonly<Record<string, string>>

/** Names of the principals that the home folder knows: its agents, the owner and the gateway. */
export async function namesOf({ path: configPath, service }: GatewayConfig): Promise<PrincipalNames> {
  const home = dirname(configPath)
  const agents = await readdir(join(home, 'agents')).catch(() => [])
  const known: readonly (readonly [name: string, path: string])[] = [
    ...agents.map((name) => [`agent ${name}`, join(home, 'agents', name, 'agent.key')] as const),
    ['the owner', join(home, 'owner.key')],
    ['this gateway', service.key],
  ]
  const names: Record<string, string> = {}
  for (const [name, path] of known) {
    const { keys } = await describeSignerFile({ path }).catch(() => ({ keys: [] }))
    for (const { did } of keys) names[did] = name
  }
  return names
}
