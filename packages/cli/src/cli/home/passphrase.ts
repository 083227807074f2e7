// node only: reads and writes files
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { describeSignerFile } from 'procura/signer/file'
import { openFileVault } from 'procura/vault/file'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { nextOwnerKey } from '../../gateway/configuration/vault-unlock.ts'
import type { Keyring } from '../../support/keyring.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { runningGateway } from '../gateway/lock-gateway.ts'
import type { Host } from '../host.ts'
import { MissingKeyError, UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { changeGatewayKey, gatewayRuns } from './change-vault-key.ts'
import { type GatewayFile, readGatewayFile } from './gateway-file.ts'
import { exists } from './home-files.ts'
import { newPassphrase, storeEntry } from './keyring-vault.ts'
import { askNewPassphrase, checkLength, vaultKey } from './vault-key.ts'

/** The next passphrase of the vault. */
const nextVariable = 'PROCURA_VAULT_NEW_PASSPHRASE'

/** `procura passphrase`: gives the vault and the key of the owner another passphrase. CLI-40 */
export async function passphrase(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('too many words; a passphrase is typed, and is never a word of a command')
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const gateway = await readGatewayFile(home)
  if (gateway === undefined)
    throw new UsageError(`${quote(home, 256)} has no gateway.json; name its folder with --home`)
  const { vault } = gateway
  if (!(await exists(vault.file)))
    throw new UsageError(`the vault ${quote(vault.file, 256)} is missing; restore it from a backup`)
  checkSource(vault)
  const running = await runningGateway(gateway.stateFile)
  if (running !== undefined) throw new Error(gatewayRuns(running.process, '`procura passphrase`'))
  const keyring = await keyringOf(home, vault, host)
  const key = await vaultKey(vault, host, false)
  // A wrong passphrase is found before a person types the next one. After a run that was killed, either can be right.
  if (!(await exists(nextOwnerKey(home)))) await openFileVault({ path: vault.file, key })
  const next = await nextOf(keyring, host)
  if ('passphrase' in key && key.passphrase === next)
    throw new UsageError('the new passphrase is the present one; nothing is written')
  const place = nextOwnerKey(await realpath(home))
  const keep = keyring === undefined ? undefined : (): Promise<void> => storeEntry(keyring, place, next)
  const isFinished = await changeGatewayKey(gateway, key, { passphrase: next }, host, keep)
  if (flags['json'] === true) host.print(JSON.stringify({ changed: true, keyring: keyring !== undefined }))
  else host.print('the vault and the key of the owner have a new passphrase')
  host.complain('a copy of their files, such as a backup, still opens with the former one')
  // Until then, the command could print the former one.
  if (keyring !== undefined && isFinished)
    host.complain(
      `the new one is in the keyring; keep a copy of what \`${keyring.showCommand(await realpath(home))}\` prints in a safe place`,
    )
  return 0
}

/** Refuses a vault whose passphrase is elsewhere. */
function checkSource({ file, keyFile, unlock }: GatewayFile['vault']): void {
  if (keyFile !== undefined) {
    const next = `${keyFile}.next`
    const [vault, former, made] = [file, keyFile, next].map(shellQuoted)
    throw new UsageError(
      `the vault opens with the key file ${quote(keyFile, 256)}, and has no passphrase; make another file with \`procura vault new-key --key-file ${made}\`, run \`procura vault change-key --file ${vault} --key-file ${former} --new-key-file ${made}\`, and set \`vault.keyFile\` of gateway.json to ${quote(next, 256)}`,
    )
  }
  if (unlock === undefined || 'keyring' in unlock) return
  const source = 'command' in unlock ? 'the command' : `the credential ${unlock.credential}`
  throw new UsageError(
    `${source} in \`vault.unlock\` of gateway.json has the passphrase, and would go on with the former one; remove \`unlock\` there, run \`procura passphrase\`, give the new one to ${source}, and put \`unlock\` back`,
  )
}

/** The keyring that has the passphrase. */
async function keyringOf(home: string, { unlock }: GatewayFile['vault'], host: Host): Promise<Keyring | undefined> {
  if (unlock === undefined) return undefined
  const path = join(home, 'owner.key')
  if (!(await exists(path)) || !(await describeSignerFile({ path })).encrypted)
    throw new UsageError(`${quote(path, 256)} is missing or not encrypted; restore it from a backup`)
  const keyring = await host.keyring?.()
  if (keyring !== undefined) return keyring
  throw new UsageError(
    '`vault.unlock` of gateway.json names the keyring, and this system has none that is supported; remove it there',
  )
}

/** The next passphrase: of the environment, a random one for a keyring, or an answer at the terminal. */
async function nextOf(keyring: Keyring | undefined, host: Host): Promise<string> {
  const given = host.env[nextVariable]
  if (given !== undefined && given !== '') return checkLength(given, true)
  if (keyring !== undefined) return newPassphrase()
  if (!host.isTerminal)
    throw new MissingKeyError(`set ${nextVariable}, or run this at a terminal, which asks for the new passphrase`)
  return askNewPassphrase(host)
}
