// node only: reads files
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describeSignerFile } from 'procura/signer/file'

/**
 * The DIDs of the agents whose keys are in the home folder of the gateway. A folder without a readable key has none.
 */
export async function knownAgents(home: string): Promise<ReadonlySet<string>> {
  const folder = join(home, 'agents')
  const names = await readdir(folder).catch(() => [])
  const keys = await Promise.all(
    names.map((name) => describeSignerFile({ path: join(folder, name, 'agent.key') }).catch(() => ({ keys: [] }))),
  )
  return new Set(keys.flatMap((one) => one.keys.map(({ did }) => did)))
}
