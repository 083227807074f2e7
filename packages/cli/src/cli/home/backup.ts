// node only: reads and writes files
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { systemClock } from 'procura'
import { createDurableFile } from '#support/durable-file.ts'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import type { Host } from '../host.ts'
import { showDate } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, operandOf, textOf } from '../verb.ts'
import { checkOutside, copyHome, makeFolderOnce } from './copy-home.ts'
import { type GatewayFile, readGatewayFile } from './gateway-file.ts'
import { exists } from './home-files.ts'
import { type IssuedPlace, openIssued, recordedAgents, renewableOf, restoredAgents, restoredOf } from './issued.ts'
import { revokedDelegations } from './revoked-delegations.ts'
import { settleKeyChange } from './settle-key-change.ts'
import { placeGiven, vaultKey } from './vault-key.ts'
import { inHome, openOwner } from './wrap-home.ts'

/** The file of a backup with what is in no other file of it. */
export const noteName = 'backup.json'

/** The content of that file. */
export interface BackupNote {
  readonly version: 1
  /** The CIDs of delegations on record that were revoked. The state, which has their revocations, is in no backup. */
  readonly revoked: readonly string[]
}

/**
 * `procura backup DIR`: copies the home folder of a gateway into a new folder, also while the gateway runs. No verb
 * changes the home folder meanwhile.
 */
export async function backup(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const target = resolve(operandOf(words, 'the new folder of the backup'))
  const home = resolve(gatewayHome(textOf(flags, 'home'), host.env))
  if ((await readGatewayFile(home)) === undefined)
    throw new UsageError(`${quote(home, 256)} has no gateway.json; name its folder with --home`)
  if (await exists(target)) throw new UsageError(`${quote(target, 256)} exists; name a new folder for the backup`)
  if (!(await exists(dirname(target)))) throw new UsageError(`the folder ${quote(dirname(target), 256)} does not exist`)
  await checkOutside(target, home)
  const links = await inHome(home, async () => {
    const gateway = (await readGatewayFile(home)) as GatewayFile
    const content = JSON.stringify(withRelativePaths(home, gateway.content), undefined, 2)
    const files = [gateway.vault.file, gateway.serviceKey].map((path) => insideOf(home, path))
    if (!(await exists(gateway.vault.file)))
      throw new UsageError(`the vault ${quote(gateway.vault.file, 256)} is missing; restore it from a backup`)
    const key = await vaultKey(placeGiven(gateway.vault, flags), host, false)
    // A backup that no key opens would be found out too late.
    // Half of a change of the key would be two files that no key opens.
    if (!(await settleKeyChange(home, gateway.vault, key, host)))
      throw new Error('a change of the passphrase is not finished; run this again with the present one')
    await openOwner(home, key)
    const note: BackupNote = {
      version: 1,
      revoked: await revokedOnRecord(home, gateway, await openIssued(gateway.vault.file, key)),
    }
    const time = showDate(systemClock.now()).replaceAll(/[-:]/g, '')
    const log = { folder: gateway.logFolder, name: `log-until-${time}` }
    const found: string[] = []
    await makeFolderOnce(target, async (folder) => {
      const parts = { files: [...files, 'owner.key', 'invited.json'], log, without: gateway.vault.keyFile }
      found.push(...(await copyHome(home, folder, parts)))
      await createDurableFile(join(folder, noteName), `${JSON.stringify(note)}\n`)
      await createDurableFile(join(folder, 'gateway.json'), `${content}\n`)
    })
    return found
  })
  if (flags['json'] === true) host.print(JSON.stringify({ backup: target, home, leftOut: links }))
  else host.print(`saved ${home} in ${target}`)
  for (const link of links) host.complain(`warning: ${quote(link, 256)} is a symbolic link, and not in the backup`)
  host.complain(
    `the key of the vault is not in it: keep the passphrase or the key file elsewhere; \`procura restore ${shellQuoted(target)}\` makes a home folder of it`,
  )
  return 0
}

/** The path of a part of a home folder or of its backup, relative to it. */
export function insideOf(home: string, path: string): string {
  const inner = relative(home, path)
  if (inner !== '' && !inner.startsWith('..') && !isAbsolute(inner)) return inner
  throw new UsageError(
    `${quote(path, 256)}, which gateway.json names, is not in ${quote(home, 256)}, and a backup has that folder alone; move it there, or copy it yourself with all of the home folder`,
  )
}

/** A configuration in which the paths of the home folder are relative, as the copy can get another place. */
function withRelativePaths(
  home: string,
  content: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const near = (value: unknown): unknown =>
    typeof value === 'string' && value.startsWith(`${home}${sep}`) ? relative(home, value) : value
  const each = (part: unknown, change: (value: unknown) => unknown): Readonly<Record<string, unknown>> =>
    Object.fromEntries(Object.entries(Object(part)).map(([name, value]) => [name, change(value)]))
  const parts = ['listen', 'service', 'vault', 'audit', 'state'].filter((name) => content[name] !== undefined)
  return {
    ...content,
    ...Object.fromEntries(parts.map((name) => [name, each(content[name], near)])),
    servers: each(content['servers'], (server) => {
      const { cwd } = Object(server) as { readonly cwd?: unknown }
      return cwd === undefined ? server : { ...Object(server), cwd: near(cwd) }
    }),
  }
}

/**
 * The delegations on record that the gateway has revoked, and those that say the same: an earlier one is not a way
 * around the revocation. CLI-56
 */
async function revokedOnRecord(home: string, gateway: GatewayFile, place: IssuedPlace): Promise<readonly string[]> {
  const found: string[] = []
  for (const agent of new Set([...recordedAgents(place), ...restoredAgents(place)])) {
    const all = [...(await renewableOf(place, agent)).delegations, ...(await restoredOf(place, agent)).delegations]
    const revoked = await revokedDelegations(home, gateway, all)
    const termsOf = ({ command, policy }: (typeof all)[number]): string => JSON.stringify([command, policy])
    const terms = new Set(all.filter(({ cid }) => revoked.has(cid.toString())).map(termsOf))
    const isRevoked = (one: (typeof all)[number]): boolean =>
      terms.has(termsOf(one)) || revoked.has(one.issuer) || revoked.has(one.audience)
    found.push(...all.filter(isRevoked).map(({ cid }) => cid.toString()))
  }
  return found
}
