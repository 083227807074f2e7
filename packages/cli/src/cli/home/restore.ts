// node only: reads and writes files
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'
import type { Delegation } from 'procura'
import { describeSignerFile, rotateSignerFile } from 'procura/signer/file'
import type { FileKey } from 'procura/vault/file'
import type { HeldLock } from '#support/file-lock/held-lock.ts'
import { makeFolders } from '#support/make-folders.ts'
import { readPrivateFile, replacePrivateFile } from '#support/private-file.ts'
import { quietly } from '#support/quietly.ts'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { wordsOf } from '../gateway/agent-authority.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, operandOf, textOf } from '../verb.ts'
import { wholePath } from '../wrap/plan.ts'
import { emptyFolder } from '../wrap/plan-stdio.ts'
import { type BackupNote, insideOf, noteName } from './backup.ts'
import { checkOutside, copyHome, makeFolderOnce } from './copy-home.ts'
import { type GatewayFile, readGatewayFile, writeGatewayFile } from './gateway-file.ts'
import { checkFolder, ensureFolder, exists } from './home-files.ts'
import { openIssued, restoredAgents, restoredOf, setAsideIssued } from './issued.ts'
import { vaultKey } from './vault-key.ts'
import { openOwner } from './wrap-home.ts'

/** A home folder that was made from a backup. */
interface RestoredHome {
  readonly did: string
  /** What each agent had, for its renewal. */
  readonly agents: ReadonlyMap<string, readonly Delegation[]>
  /** Other owners, for which the gateway no longer acts. */
  readonly subjects: readonly string[]
  /** Approvers beside the owner, whom `gateway.json` names. By its rules, they count without a delegation. */
  readonly approvers: readonly string[]
}

/**
 * `procura restore DIR`: makes a home folder from a backup. Its owner gets a new key, which signs nothing: whatever was
 * delegated ends, because nobody knows what was revoked since the backup. CLI-57
 */
export async function restore(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const from = resolve(operandOf(words, 'the folder of a backup'))
  const home = resolve(gatewayHome(textOf(flags, 'home'), host.env))
  if (await exists(home))
    throw new UsageError(
      `${quote(home, 256)} exists, and \`restore\` replaces nothing; move it away, or name another folder with --home`,
    )
  const note = await readNote(from)
  await checkOutside(home, from)
  const gateway = await readGatewayFile(from)
  if (gateway === undefined)
    throw new UsageError(`${quote(from, 256)} has no gateway.json, so it is not a whole backup`)
  const files = [gateway.vault.file, gateway.serviceKey].map((path) => insideOf(from, path))
  const { key, keyFile, hint } = await keyOf(gateway, from, home, flags, host)
  // A wrong key is found before anything is written.
  await openOwner(from, key)
  await openIssued(gateway.vault.file, key)
  await makeFolders(dirname(home))
  const made: RestoredHome[] = []
  await makeFolderOnce(home, async (folder, lock) => {
    await copyHome(from, folder, { files: [...files, 'owner.key', 'invited.json'] })
    made.push(await renewHome({ folder, home, key, keyFile, lock, gateway, vault: files[0] as string }, note))
  })
  report(made[0] as RestoredHome, home, [...hint], flags, host)
  return 0
}

async function readNote(from: string): Promise<BackupNote> {
  if (!(await exists(from))) throw new UsageError(`${quote(from, 256)} does not exist`)
  await checkFolder(from)
  const path = join(from, noteName)
  const file = await readPrivateFile(path, { timeoutMs: 10_000 })
  if (file === undefined || file === 'unchanged')
    throw new UsageError(`${quote(from, 256)} has no ${noteName}, so it is not a whole backup`)
  const note = quietly(() => JSON.parse(new TextDecoder().decode(file.bytes)) as unknown)
  const { version, revoked } = Object(note) as Partial<BackupNote>
  if (!Array.isArray(revoked)) throw new UsageError(`${quote(path, 256)} is damaged, or of a later version of procura`)
  if (version !== 1) throw new UsageError('the backup is of a later version of procura; update procura')
  return { version, revoked: revoked.map(String) }
}

interface GivenKey {
  readonly key: FileKey
  /** The key file for `gateway.json`, if the command line names it. */
  readonly keyFile?: string
  /** The next step for the source of the passphrase. */
  readonly hint: readonly string[]
}

/** The key of the vault of a backup, which is not in the backup. */
async function keyOf(
  { vault: { keyFile, unlock } }: GatewayFile,
  from: string,
  home: string,
  flags: Flags,
  host: Host,
): Promise<GivenKey> {
  const given = textOf(flags, 'key-file')
  if (given !== undefined) return { key: { keyFile: resolve(given) }, keyFile: resolve(given), hint: [] }
  if (keyFile !== undefined) {
    if (!isOutside(from, keyFile))
      throw new UsageError(
        'the key file of the vault was in the home folder, and is not in the backup; pass --key-file',
      )
    return { key: { keyFile }, hint: [] }
  }
  if (unlock === undefined || !('keyring' in unlock)) return { key: await vaultKey({ unlock }, host, false), hint: [] }
  const keyring = await host.keyring?.()
  const folder = join(wholePath(dirname(home)), basename(home))
  const passphrase = await keyring?.lookUp(folder).catch(() => undefined)
  if (passphrase !== undefined) return { key: { passphrase }, hint: [] }
  const store = keyring === undefined ? '' : `: \`${keyring.storeCommand(folder)}\` stores it`
  return {
    key: await vaultKey({}, host, false),
    hint: [`the keyring needs the passphrase of the vault for ${quote(folder, 256)}${store}`],
  }
}

function isOutside(folder: string, path: string): boolean {
  const inner = relative(folder, path)
  return inner.startsWith('..') || isAbsolute(inner)
}

interface Renewal {
  readonly folder: string
  readonly home: string
  readonly key: FileKey
  readonly keyFile: string | undefined
  readonly lock: HeldLock
  readonly gateway: GatewayFile
  /** The vault, relative to the folder. */
  readonly vault: string
}

/** Gives the owner a new key, and puts the records aside. The folder is nobody's home folder yet. */
async function renewHome(renewal: Renewal, note: BackupNote): Promise<RestoredHome> {
  const { folder, key, lock, gateway, vault } = renewal
  const path = join(folder, 'owner.key')
  const { keys } = await describeSignerFile({ path })
  const { did } = await rotateSignerFile({ path, keep: Math.min(keys.length, mostKept), key })
  const former = new Set<string>(keys.map((one) => one.did))
  const place = await openIssued(join(folder, vault), key)
  await setAsideIssued(place, new Set(note.revoked))
  const agents = new Map<string, readonly Delegation[]>()
  for (const agent of restoredAgents(place)) agents.set(agent, (await restoredOf(place, agent)).delegations)
  for (const agent of await namesInFolder(join(folder, 'agents')))
    await nameOwner(join(folder, 'agents', agent, 'connect.json'), former, did, lock)
  const content = await contentOf(renewal, former, did)
  await writeGatewayFile(folder, content, lock)
  const approvers = approversIn(content).filter((one) => one !== did)
  return { did, agents, subjects: gateway.subjects.filter((one) => !former.has(one)), approvers }
}

/** The approvers of a configuration, and of the rules of its servers. */
function approversIn({ approvals, servers }: Readonly<Record<string, unknown>>): readonly string[] {
  const rules = Object.values(Object(servers)).flatMap((server) => Object.values(Object(Object(server).approvals)))
  return [...new Set([approvals, ...rules].flatMap((one) => (Object(one).approvers ?? []) as readonly string[]))]
}

/** Names the new key of the owner in the `connect.json` of an agent. One that is damaged stays as it is. */
async function nameOwner(path: string, former: ReadonlySet<string>, did: string, lock: HeldLock): Promise<void> {
  const file = await readPrivateFile(path, { timeoutMs: 10_000 })
  if (file === undefined || file === 'unchanged') return
  const fields = quietly(() => Object(JSON.parse(new TextDecoder().decode(file.bytes))) as Record<string, unknown>)
  if (fields === undefined || !former.has(String(fields['subject']))) return
  const text = JSON.stringify({ ...fields, subject: did }, undefined, 2)
  await replacePrivateFile(path, new TextEncoder().encode(`${text}\n`), lock)
}

/** Most former keys of a key file. */
const mostKept = 15

/** The new `gateway.json`: it acts for the new key alone, and its programs start in folders of the new place. */
async function contentOf(
  { folder, home, keyFile, gateway }: Renewal,
  former: ReadonlySet<string>,
  did: string,
): Promise<Readonly<Record<string, unknown>>> {
  const content: Readonly<Record<string, unknown>> = JSON.parse(JSON.stringify(gateway.content), (_, value) =>
    former.has(value) ? did : value,
  )
  const servers: [string, unknown][] = []
  for (const [name, server] of Object.entries(Object(content['servers']))) {
    const { cwd } = Object(server) as { readonly cwd?: string }
    const place = cwd === undefined ? undefined : resolve(home, cwd)
    if (place === emptyFolder(home)) await ensureFolder(emptyFolder(folder))
    servers.push([name, place === undefined ? server : { ...Object(server), cwd: place }])
  }
  const vault = { ...Object(content['vault']), ...(keyFile !== undefined && { keyFile }) }
  return { ...content, subjects: [did], vault, servers: Object.fromEntries(servers) }
}

function report(
  { did, agents, subjects, approvers }: RestoredHome,
  home: string,
  hints: string[],
  flags: Flags,
  host: Host,
): void {
  if (flags['json'] === true)
    host.print(
      JSON.stringify({
        ...{ home, owner: did, subjects, approvers },
        agents: [...agents].map(([name, all]) => ({
          name,
          had: all.map(({ command, policy }) => ({ command, policy })),
        })),
      }),
    )
  else host.print(`restored ${home}; its owner has the new key ${did}, and all that was delegated before has ended`)
  for (const [name, all] of agents) {
    host.complain(
      `\`procura renew ${shellQuoted(name)}\` issues again what the agent ${name} had, also if it was revoked after the backup was made:`,
    )
    // A message is one line.
    const grants = new Map(
      all.map(({ command, policy }) => [JSON.stringify([command, policy]), wordsOf(command, policy)]),
    )
    for (const line of [...grants.values()].flat()) host.complain(`  ${line}`)
  }
  for (const one of subjects)
    host.complain(
      `the gateway does not act for the owner ${one} any more, because what that owner revoked is not in a backup; add it to \`subjects\` of gateway.json when it has revoked that again`,
    )
  for (const one of approvers)
    host.complain(
      `${one} is an approver, as when the backup was made; remove it from gateway.json if you have removed it since`,
    )
  for (const hint of hints) host.complain(hint)
  host.complain(
    'a secret, and the key of an agent, that was rotated after the backup is the former one again, and a login has perhaps ended; approvers and agents elsewhere need new delegations, and the page for approvals a new enrolment',
  )
  host.complain(
    'start the gateway with `procura start`, restart the clients, and check everything with `procura doctor`',
  )
}
