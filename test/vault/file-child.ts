// Run by file.test.ts in a process of its own: writes a secret that is larger than the limit this process was started with.
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'

const [path = '', keyFile = '', name = ''] = process.argv.slice(2)
const vault = await openFileVault({ path, key: { keyFile } })
const outcome = await vault.put(name, { secret: 'x'.repeat(200_000), leasable: true }).catch((error: unknown) => error)
process.stdout.write(`${outcome instanceof Error ? outcome.message : 'written'}\n`)
