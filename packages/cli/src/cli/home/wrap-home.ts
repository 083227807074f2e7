// node only: makes files
import { realpath } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import type { Did, Signer } from 'procura'
import { createSignerFile, describeSignerFile } from 'procura/signer/file'
import { createKeyFile, type FileKey, type FileVault, openFileVault, revealCredentials } from 'procura/vault/file'
import { createFileLock } from '#support/file-lock/file-lock.ts'
import type { HeldLock } from '#support/file-lock/held-lock.ts'
import { withFileLock } from '#support/file-lock/with-file-lock.ts'
import { quote } from '#support/quote.ts'
import { writeConnection } from '../../gateway/agent-side/connect/connection-file.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { type AgentStores, agentStores } from './agent-stores.ts'
import { type GatewayFile, newGatewayContent, readGatewayFile } from './gateway-file.ts'
import { ensureFolder, exists, makeWhole, makeWholeFolder, removeStages } from './home-files.ts'
import { type HomeVault, keyringFor, storePassphrase } from './keyring-vault.ts'
import { openOwnerKey } from './owner-key.ts'
import { settleKeyChange } from './settle-key-change.ts'
import { type VaultPlace, vaultKey } from './vault-key.ts'

/** The home folder of a gateway, opened by its operator. */
export interface WrapHome {
  readonly path: string
  readonly lock: HeldLock
  readonly owner: Owner
  readonly vault: FileVault
  /** The current secrets of the vault, by the names of their credentials. */
  readonly secrets: Map<string, string>
  readonly gateway: Pick<GatewayFile, 'listen' | 'servers' | 'content' | 'serviceKey' | 'subjects'>
  /** Opens the delegations of agents. */
  readonly stores: AgentStores
  /** The key file of the delegations of an agent that is made. Undefined: they are not encrypted. */
  readonly delegationsKeyFile: string | undefined
}

/** The owner of a gateway, with the keys that it had before. */
export interface Owner {
  readonly signer: Signer
  /** The signers of the present key and of the earlier ones. */
  readonly signers: readonly Signer[]
  readonly dids: ReadonlySet<string>
}

/** Runs a task while no other `wrap` or `unwrap` runs in the same home folder. */
export async function inHome<T>(home: string, task: (lock: HeldLock) => Promise<T>): Promise<T> {
  await ensureFolder(home)
  const folder = join(home, 'wrap.lock')
  return withFileLock(createFileLock(folder), folder, 10_000, async (lock) => {
    await removeStages(home)
    return task(lock)
  })
}

/**
 * Opens the home folder, and makes the parts that are missing: the key of the owner, the key of the gateway, the vault.
 * The key of the owner is encrypted under the key of the vault: with it, an agent could delegate to itself. WRP-13
 */
export async function openWrapHome(home: string, flags: Flags, host: Host, lock: HeldLock): Promise<WrapHome> {
  const delegationsKeyFile = textOf(flags, 'delegations-key-file')
  const known = await readGatewayFile(home)
  const given = await vaultPlace(home, known, flags)
  const { file: vaultFile, isNew } = given
  const place = await placeAtHome(home, known, given, flags, host)
  const key = await vaultKey(place, host, isNew)
  if ('keyFile' in key && isNew) await makeWhole(key.keyFile, (draft) => createKeyFile(draft))
  const vault = await openFileVault({ path: vaultFile, key, create: isNew })
  const secrets = await revealAll(vaultFile, key)
  await settleKeyChange(home, { file: vaultFile, ...place }, key, host)
  const ownerFile = join(home, 'owner.key')
  await makeWhole(ownerFile, (path) => createSignerFile({ path, key }))
  await makeWhole(known?.serviceKey ?? join(home, 'service.key'), (path) => createSignerFile({ path }))
  // Before anything else is written: with another key, the delegations of the agents could not be revoked.
  const owner = await openOwner(home, key)
  const { did } = owner.signer
  const content = known?.content ?? newGatewayContent(home, did, place)
  checkOwner(known, [...owner.dids])
  const gateway = known ?? {
    listen: { socket: join(home, 'gateway.sock') },
    servers: new Map(),
    content,
    serviceKey: join(home, 'service.key'),
    subjects: [did],
  }
  return {
    ...{ path: home, lock, owner, vault, secrets, gateway, stores: agentStores(flags, host) },
    delegationsKeyFile: delegationsKeyFile === undefined ? undefined : resolve(delegationsKeyFile),
  }
}

/** The place of the key of the vault. In a new home folder it is the keyring, if there is one. */
async function placeAtHome(
  home: string,
  known: GatewayFile | undefined,
  given: HomeVault,
  flags: Flags,
  host: Host,
): Promise<VaultPlace> {
  const keyring = await keyringFor(home, known, given, flags, host)
  if (keyring === undefined) return given.place
  if (given.isNew && !(await storePassphrase(keyring, home, host))) return given.place
  if (given.isNew)
    host.complain(
      `the passphrase of the vault is in the keyring, and nobody has to type it; keep a copy of what \`${keyring.showCommand(await realpath(home))}\` prints in a safe place`,
    )
  return { unlock: { keyring: home, vault: given.file } }
}

/** The vault of a gateway, and the place of its key. */
export async function vaultPlace(home: string, known: GatewayFile | undefined, flags: Flags): Promise<HomeVault> {
  const given = textOf(flags, 'key-file')
  const file = known?.vault.file ?? join(home, 'vault')
  const keyFile = known?.vault.keyFile ?? (given === undefined ? undefined : resolve(given))
  if (given !== undefined && keyFile !== resolve(given))
    throw new UsageError('--key-file is another file than `vault.keyFile` in gateway.json; leave the option out')
  if (given !== undefined && known?.vault.unlock !== undefined)
    throw new UsageError('`vault.unlock` of gateway.json opens the vault; leave --key-file out')
  const isNew = !(await exists(file))
  // WRP-88: a new vault in its place would hide that the keys are gone, and `unwrap` would forget the originals.
  if (isNew && known !== undefined && (await exists(join(home, 'owner.key'))))
    throw new UsageError(
      `the vault ${quote(file, 256)} is missing; restore it from a backup; without one, its keys are lost: move ${quote(home, 256)} away, write the servers with new keys into the configurations of the clients, and wrap them again`,
    )
  if (flags['ask-passphrase'] === true && (!isNew || keyFile !== undefined || known?.vault.unlock !== undefined))
    throw new UsageError(
      `--ask-passphrase is for a new vault without another key; ${isNew ? 'the passphrase or key is named elsewhere' : `${quote(file, 256)} exists`}; leave it out`,
    )
  return { file, place: { keyFile, unlock: known?.vault.unlock }, isNew }
}

/** Checks that a gateway acts for its owner, by its present key or an earlier one. */
export function checkOwner(known: GatewayFile | undefined, dids: readonly string[]): void {
  if (known !== undefined && !dids.some((did) => known.subjects.includes(did)))
    throw new UsageError(`${quote(known.path, 256)} does not list the owner ${dids[0]} in \`subjects\`; add it`)
}

/** Checks that a delegation by the present key of the owner would count. */
export function checkSubject(known: Pick<GatewayFile, 'subjects'> | undefined, path: string, did: string): void {
  if (known !== undefined && !known.subjects.includes(did))
    throw new UsageError(
      `${quote(path, 256)} has another key than the one in \`subjects\` of gateway.json; run \`procura key rotate ${shellQuoted(path)}\`, which finishes the rotation`,
    )
}

/** Checks that the delegations of a new run would count. */
export function checkIssuer({ path, owner, gateway }: WrapHome): void {
  checkSubject(gateway, join(path, 'owner.key'), owner.signer.did)
}

/** All secrets of a vault as text. Binary secrets are left out: no configuration contains one. */
export async function revealAll(path: string, key: FileKey): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const [name, secret] of await revealCredentials({ path, key })) {
    try {
      found.set(name, secret.reveal())
    } catch {
      // It is not text.
    } finally {
      secret.dispose()
    }
  }
  return found
}

/** The DID of a key file, without its key. */
async function didOf(path: string): Promise<Did> {
  const { keys } = await describeSignerFile({ path })
  return (keys[0] as { readonly did: Did }).did
}

/** Opens the keys of the owner. */
export async function openOwner(home: string, key: FileKey): Promise<Owner> {
  const { signer, previous } = await openOwnerKey(join(home, 'owner.key'), key)
  const signers = [signer, ...previous]
  return { signer, signers, dids: new Set<string>(signers.map(({ did }) => did)) }
}

/** The files of an agent. They are made if they do not exist. */
export async function ensureAgent(
  home: WrapHome,
  name: string,
): Promise<{ readonly folder: string; readonly did: Did }> {
  const agents = join(home.path, 'agents')
  await ensureFolder(agents)
  const folder = join(agents, name)
  const audience = await didOf(home.gateway.serviceKey)
  const subject = home.owner.signer.did
  const file = home.delegationsKeyFile
  await makeWholeFolder(home.path, folder, async (draft) => {
    await createSignerFile({ path: join(draft, 'agent.key') })
    // WRP-31: the file of the delegations is encrypted from its beginning.
    if (file !== undefined) await makeWhole(file, (key) => createKeyFile(key))
    await writeConnection(draft, {
      ...placeFor(folder, home.path, home.gateway.listen),
      ...{ audience, subject, key: 'agent.key', delegations: 'delegations' },
      ...(file !== undefined && { unlock: { delegations: { file } } }),
    })
  })
  return { folder, did: await didOf(join(folder, 'agent.key')) }
}

/** The place of the gateway in the `connect.json` of an agent. A home folder can be moved with the socket in it. */
export function placeFor(
  folder: string,
  home: string,
  { socket, address }: GatewayFile['listen'],
): { readonly socket: string } | { readonly address: string } {
  if (socket === undefined) return { address: String(address) }
  return { socket: dirname(socket) === home ? relative(folder, socket) : socket }
}

/**
 * Reads the delegations of an agent, if it is there. A passphrase that is wrong or missing is found before anything is
 * written.
 */
export async function checkAgent(home: WrapHome, agent: string): Promise<readonly Uint8Array[]> {
  const folder = join(home.path, 'agents', agent)
  return (await exists(folder)) ? (await home.stores(folder)).load({}) : []
}
