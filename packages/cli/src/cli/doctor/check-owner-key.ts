// node only: reads a file
import { join } from 'node:path'
import { describeSignerFile } from 'procura/signer/file'
import type { FileKey } from 'procura/vault/file'
import { shellQuoted } from '../../support/shell-quoted.ts'
import type { GatewayFile } from '../home/gateway-file.ts'
import { exists } from '../home/home-files.ts'
import { openOwnerKey } from '../home/owner-key.ts'
import { inOwnWords } from '../terminal/own-words.ts'
import type { Finding } from './finding.ts'
import { readableKey } from './readable-key.ts'

/**
 * Checks that the key of the owner opens with the key of the vault, that the gateway acts for it, and that it opens for
 * a person alone: an agent that can read it can approve its own calls, and delegate to itself. APR-92
 */
export async function checkOwnerKey(
  home: string,
  { subjects, vault }: Pick<GatewayFile, 'subjects' | 'vault'>,
  key: FileKey | undefined,
): Promise<readonly Finding[]> {
  const path = join(home, 'owner.key')
  if (!(await exists(path))) return []
  const { encrypted, keys } = await describeSignerFile({ path })
  const finding = (fault: string, remedy: string): Finding => ({ check: 'owner-key', thing: path, fault, remedy })
  const [now, ...earlier] = keys.map(({ did }) => did)
  const findings: Finding[] = []
  if (encrypted && key !== undefined) {
    const fault = await openOwnerKey(path, key).then(
      () => undefined,
      (error: Error) => inOwnWords(error.message),
    )
    if (fault !== undefined)
      findings.push(
        finding(
          `does not open with the key of the vault: ${fault}`,
          `repeat \`procura vault change-key --file ${shellQuoted(vault.file)}\` with the same two keys, or restore it from a backup`,
        ),
      )
  }
  const former = earlier.filter((did) => subjects.includes(did))
  if (now !== undefined && !subjects.includes(now)) {
    const fault = `has the key ${now}, which \`subjects\` of gateway.json does not list`
    const finish = `run \`procura key rotate ${shellQuoted(path)}\`, which finishes the rotation`
    findings.push(finding(fault, former.length === 0 ? 'restore it from a backup, or add its DID there' : finish))
  } else if (former.length > 0) {
    const fault = `has a new key, and \`subjects\` of gateway.json still lists the former one, ${former.join(', ')}`
    findings.push({ ...finding(fault, 'if the former key leaked, remove its DID there'), note: true })
  }
  const remedy = 'run the gateway as another user than the agent, or use a passphrase that a person types'
  const readable = readableKey(vault)
  const by = encrypted ? `opens with ${readable}` : 'is not encrypted'
  const way = encrypted ? 'the two' : 'it'
  if (!encrypted || readable !== undefined)
    findings.push({
      ...finding(`${by}: an agent that runs as this user can approve its own calls with ${way}`, remedy),
      note: true,
    })
  return findings
}
