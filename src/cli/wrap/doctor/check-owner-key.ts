// node only: reads files
import { join } from 'node:path'
import { describeSignerFile } from '../../../signer-file/signer-file.ts'
import { exists } from '../home-files.ts'
import type { Finding } from './finding.ts'

/**
 * Checks that the key of the owner opens for a person alone. An agent that can read it can approve its own calls, and
 * delegate to itself. APR-92
 *
 * @param keyFile - opens the vault, and the key of the owner with it.
 */
export async function checkOwnerKey(home: string, keyFile: string | undefined): Promise<readonly Finding[]> {
  const path = join(home, 'owner.key')
  if (!(await exists(path))) return []
  const { encrypted } = await describeSignerFile({ path })
  const remedy = 'run the gateway as another user than the agent, or use a passphrase that a person types'
  const finding = (fault: string): Finding => ({ check: 'owner-key', thing: path, fault, remedy, note: true })
  if (!encrypted)
    return [finding('is not encrypted: an agent that runs as this user can approve its own calls with it')]
  if (keyFile === undefined) return []
  return [finding(`opens with ${keyFile}: an agent that runs as this user can approve its own calls with the two`)]
}
