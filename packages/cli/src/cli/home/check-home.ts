// node only: reads files
import { constants } from 'node:fs'
import { access, lstat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createSignerFile, describeSignerFile } from 'procura/signer/file'
import type { FileKey } from 'procura/vault/file'
import { quote } from '#support/quote.ts'
import type { Host } from '../host.ts'
import { MissingKeyError, UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { agentStores } from './agent-stores.ts'
import { type GatewayFile, newGatewayContent } from './gateway-file.ts'
import { checkFolder, exists, withStage } from './home-files.ts'
import { keyringFor } from './keyring-vault.ts'
import { openOwnerKey } from './owner-key.ts'
import { vaultKey } from './vault-key.ts'
import { checkOwner, checkSubject, revealAll, vaultPlace, type WrapHome } from './wrap-home.ts'

/** The home folder of a gateway, as a dry run sees it. */
export interface CheckedHome {
  readonly gateway: Pick<WrapHome['gateway'], 'servers' | 'content'>
  /** The secrets of the vault; empty if it was not opened. */
  readonly secrets: ReadonlyMap<string, string>
  /** The delegations of the agent; empty if they were not read. */
  readonly delegations: readonly Uint8Array[]
  /** The parts that were not checked, because a dry run asks for no passphrase. */
  readonly unchecked: readonly string[]
}

/**
 * Refuses what a run of `wrap` would refuse in the home folder, and writes nothing there. WRP-35
 *
 * @throws as `openWrapHome` and `checkAgent` do.
 */
export async function checkHome(
  home: string,
  known: GatewayFile | undefined,
  agent: string,
  flags: Flags,
  host: Host,
): Promise<CheckedHome> {
  for (const folder of [home, join(home, 'agents'), join(home, 'wrapped')]) await checkPlace(folder)
  const vault = await vaultPlace(home, known, flags)
  const { file, isNew } = vault
  const isInKeyring = (await keyringFor(home, known, vault, flags, host)) !== undefined
  const place = isInKeyring ? { unlock: { keyring: home, vault: file } } : vault.place
  // The keyring of a new home folder gets its passphrase in the run.
  const isMade = isInKeyring && isNew
  const key = isMade ? undefined : await unasked(host, (quiet) => vaultKey(place, quiet, isNew), isNew)
  if (key !== undefined && isNew) await checkKey(key)
  const secrets = key === undefined || isNew ? new Map<string, string>() : await revealAll(file, key)
  const owner = await ownerOf(join(home, 'owner.key'), known, key)
  if (known !== undefined && (await exists(known.serviceKey))) await describeSignerFile({ path: known.serviceKey })
  const delegations = await checkAgentFiles(join(home, 'agents', agent), flags, host)
  const unchecked = [
    ...(key === undefined && !isMade ? ['the passphrase of the vault'] : []),
    ...(delegations !== undefined ? [] : ['the delegations of the agent']),
  ]
  const content = known?.content ?? newGatewayContent(home, owner, place)
  const gateway = { servers: known?.servers ?? new Map(), content }
  return { gateway, secrets, delegations: delegations ?? [], unchecked }
}

/** The DID of the owner; a placeholder for one that is made. */
async function ownerOf(path: string, known: GatewayFile | undefined, key: FileKey | undefined): Promise<string> {
  if (!(await exists(path))) {
    if (known === undefined) return 'did:web:owner.invalid'
    throw new UsageError(
      `${quote(path, 256)} does not exist, and a new owner would not be in \`subjects\` of ${quote(known.path, 256)}; restore the file from a backup`,
    )
  }
  const { keys } = await describeSignerFile({ path })
  if (key !== undefined) await openOwnerKey(path, key)
  const dids = keys.map((one) => one.did)
  checkOwner(known, dids)
  checkSubject(known, path, dids[0] as string)
  return dids[0] as string
}

/** Reads the delegations of an agent, or checks the key file of a new one. Resolves undefined if they were not read. */
async function checkAgentFiles(folder: string, flags: Flags, host: Host): Promise<readonly Uint8Array[] | undefined> {
  if (await exists(folder)) {
    await describeSignerFile({ path: join(folder, 'agent.key') })
    return unasked(host, async (quiet) => (await agentStores(flags, quiet)(folder)).load({}))
  }
  const keyFile = textOf(flags, 'delegations-key-file')
  if (keyFile !== undefined) await checkKey({ keyFile: resolve(keyFile) })
  return []
}

/**
 * Runs a task that asks for nothing. Resolves undefined if a person would be asked for a key.
 *
 * @param isNew - whether the file of the key does not exist yet, so that nothing needs the key now.
 */
async function unasked<T>(host: Host, task: (quiet: Host) => Promise<T>, isNew = false): Promise<T | undefined> {
  try {
    return await task({ ...host, isTerminal: false })
  } catch (error) {
    if ((host.isTerminal || isNew) && error instanceof MissingKeyError) return undefined
    throw error
  }
}

/** A key under which a file is made; a key file that does not exist is made as well. */
async function checkKey(key: FileKey): Promise<void> {
  if ('keyFile' in key && !(await exists(key.keyFile))) return checkWritable(dirname(key.keyFile))
  await withStage(tmpdir(), (folder) => createSignerFile({ path: join(folder, 'draft'), key }))
}

/** A folder that is there, or can be made. */
async function checkPlace(path: string): Promise<void> {
  if (await exists(path)) return checkFolder(path)
  let parent = dirname(path)
  while (!(await exists(parent)) && parent !== dirname(parent)) parent = dirname(parent)
  await checkWritable(parent)
}

async function checkWritable(folder: string): Promise<void> {
  const fault = await access(folder, constants.W_OK | constants.X_OK).then(
    async () => ((await lstat(resolve(folder, '.'))).isFile() ? 'ENOTDIR' : undefined),
    ({ code }: NodeJS.ErrnoException) => code,
  )
  if (fault !== undefined) throw new UsageError(`no file can be made in the folder ${quote(folder, 256)} (${fault})`)
}
