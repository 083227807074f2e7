// Run by mounted-secrets.test.ts as another user: opens the files of a service, and prints the credential.
import { join } from 'node:path'
import { openSignerFile } from '../../src/signers/file/signer-file.ts'
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { permission } from './support.ts'

const [folder = ''] = process.argv.slice(2)
const at = (name: string): string => join(folder, name)
try {
  await openSignerFile({ path: at('service.key') })
  const vault = await openFileVault({ path: at('vault'), key: { keyFile: at('vault.key') } })
  const { secret } = await vault.lease('mail', { authorization: permission() })
  process.stdout.write(`${secret.reveal()}\n`)
} catch (error) {
  process.stdout.write(`${(error as Error).message}\n`)
}
