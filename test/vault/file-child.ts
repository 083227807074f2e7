// Run by file.test.ts in a separate process: writes a secret that is larger than the file size limit of the process.
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'

const [path = '', keyFile = '', name = ''] = process.argv.slice(2)
const vault = await openFileVault({ path, key: { keyFile } })
const outcome = await vault.put(name, { secret: 'x'.repeat(200_000), leasable: true }).catch((error: unknown) => error)
process.stdout.write(`${outcome instanceof Error ? outcome.message : 'written'}\n`)
