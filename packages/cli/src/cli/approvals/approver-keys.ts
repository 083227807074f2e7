// node only: opens files

import type { Signer } from 'procura'
import { describeSignerFile } from 'procura/signer/file'
import type { FileKey } from 'procura/vault/file'
import type { GatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import { openOwnerKey } from '../home/owner-key.ts'
import { ownerPassphrase } from '../home/owner-passphrase.ts'
import type { Host } from '../host.ts'
import { askPassphrase } from '../tokens/open-signer.ts'
import { type Flags, textOf } from '../verb.ts'

/** The signers of an approver's file, the current one first, and the key that opened it, if it is encrypted. */
export interface ApproverKeys {
  readonly signers: readonly Signer[]
  readonly key: FileKey | undefined
}

/**
 * Opens the keys of an approver. The passphrase is typed: with one in the environment, every
 * program that the person starts from the same shell could approve. APR-87
 */
export async function openApproverKeys(
  path: string,
  { vault }: GatewayConfig,
  flags: Flags,
  host: Host,
): Promise<ApproverKeys> {
  const { encrypted } = await describeSignerFile({ path })
  const keyFile = textOf(flags, 'key-file') ?? (textOf(flags, 'from') === undefined ? vault.keyFile : undefined)
  let key: FileKey | undefined
  if (encrypted && keyFile !== undefined) key = { keyFile }
  else if (encrypted) {
    const passphrase = textOf(flags, 'from') === undefined ? await ownerPassphrase(path, host) : undefined
    key = { passphrase: passphrase ?? (await askPassphrase(`passphrase of ${path} (it is not shown): `, host)) }
  }
  const { signer, previous } = await openOwnerKey(path, key)
  return { signers: [signer, ...previous], key }
}
