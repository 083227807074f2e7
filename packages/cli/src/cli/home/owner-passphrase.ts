// node only: reads a file
import { basename, dirname, resolve } from 'node:path'
import { passphraseOfVault } from '../../gateway/configuration/vault-unlock.ts'
import type { Host } from '../host.ts'
import { readGatewayFile } from './gateway-file.ts'

/**
 * The passphrase of `owner.key` of a gateway, which is that of its vault, by `vault.unlock`. Undefined for another
 * file, and without `vault.unlock`.
 */
export async function ownerPassphrase(path: string, host: Host): Promise<string | undefined> {
  const file = resolve(path)
  if (basename(file) !== 'owner.key') return undefined
  const unlock = (await readGatewayFile(dirname(file)))?.vault.unlock
  return unlock === undefined ? undefined : passphraseOfVault(unlock, host.env, await host.keyring?.())
}
