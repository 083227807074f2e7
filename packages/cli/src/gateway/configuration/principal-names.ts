// node only: reads files
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isDid } from 'procura/did'
import { describeSignerFile } from 'procura/signer/file'
import { quietly } from '#support/quietly.ts'
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

/** Most characters of a name. */
export const maxName = 64

/** The file with the names of the invited agents, in the form of `--names`. CON-37 */
export function invitedFile(home: string): string {
  return join(home, 'invited.json')
}

/** The names of the invited agents; none if the file is missing or invalid. */
export async function invitedNames(home: string): Promise<PrincipalNames> {
  return parseNames(await readFile(invitedFile(home), 'utf8').catch(() => '')) ?? {}
}

/** Reads names from a JSON object from DIDs or pseudonyms to names; undefined if it is not one. */
export function parseNames(text: string): PrincipalNames | undefined {
  const content = quietly(() => JSON.parse(text) as unknown)
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return undefined
  const isWhole = Object.entries(content).every(([did, name]) => (isDid(did) || isPseudonym(did)) && isName(name))
  return isWhole ? (content as PrincipalNames) : undefined
}

/** Whether it is a pseudonym as `procura/audit` makes them. */
export function isPseudonym(text: string): boolean {
  return /^pseudonym:[!-~]{1,200}$/.test(text)
}

function isName(name: unknown): name is string {
  // A name that looks like a DID would hide who it is.
  return (
    typeof name === 'string' &&
    name !== '' &&
    name.length <= maxName &&
    !/[\p{C}\p{Zl}\p{Zp}]/u.test(name) &&
    !/^did:|^pseudonym:|^claimed:/i.test(name)
  )
}

/** The names of the agents in a home folder, and of those that were invited. */
export async function agentNames(home: string): Promise<PrincipalNames> {
  const folder = join(home, 'agents')
  // The name of another folder could be words, or turn the terminal that shows it.
  const agents = (await readdir(folder).catch(() => [])).filter(isAgentName)
  return namesIn(
    agents.map((name) => [name, join(folder, name, 'agent.key')]),
    await invitedNames(home),
  )
}

async function namesIn(
  known: readonly (readonly [name: string, path: string])[],
  invited: PrincipalNames = {},
): Promise<PrincipalNames> {
  const names = new Map<string, string | undefined>(Object.entries(invited))
  for (const [name, path] of known) {
    const { keys } = await describeSignerFile({ path }).catch(() => ({ keys: [] }))
    // An agent can write the DID of another one into its key file. A DID with two names has none.
    for (const { did } of keys) names.set(did, names.has(did) && names.get(did) !== name ? undefined : name)
  }
  return Object.fromEntries([...names].filter((one): one is [string, string] => one[1] !== undefined))
}
