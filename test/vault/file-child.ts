// Run by file.test.ts in processes of its own, on a file vault: `rotate` writes a secret some times, `fill` writes one
// that is larger than the limit this process was started with.
import { openFileVault } from '../../src/vault/file.ts'

const [task = '', path = '', keyFile = '', name = '', times = '0'] = process.argv.slice(2)
const vault = await openFileVault({ path, key: { keyFile }, lockTimeoutMs: 20_000, keepVersions: 50 })
process.stdout.write('open\n')
if (task === 'fill') {
  const outcome = await vault
    .put(name, { secret: 'x'.repeat(200_000), leasable: true })
    .catch((error: unknown) => error)
  process.stdout.write(`${outcome instanceof Error ? outcome.message : 'written'}\n`)
}
for (let count = 0; count < Number(times); count += 1) await vault.rotate(name, `${name}-${count}`)
