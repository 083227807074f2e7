// node only: reads files
import { join } from 'node:path'
import type { DelegationStore } from 'procura/agent'
import { describeDelegationFile, fileDelegationStore } from 'procura/agent/file'
import type { FileKey } from 'procura/vault/file'
import { quote } from '#support/quote.ts'
import {
  type GatewayConnection,
  type KeySource,
  readConnection,
} from '../../gateway/agent-side/connect/connection-file.ts'
import type { Host } from '../host.ts'
import { askPassphrase } from '../tokens/open-signer.ts'
import { MissingKeyError, UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'

/** The passphrase of an encrypted file of delegations. */
const variable = 'PROCURA_DELEGATIONS_PASSPHRASE'

/** Opens the delegations of the agent in a folder. Each folder is opened once, so a passphrase is asked for once. */
export type AgentStores = (folder: string) => Promise<DelegationStore>

/** Makes the function that opens the delegations of agents for the owner of a gateway. CLI-18 */
export function agentStores(flags: Flags, host: Host): AgentStores {
  const opened = new Map<string, Promise<DelegationStore>>()
  return (folder) => {
    // The path is not the one in connect.json: an agent could name a file of its owner.
    const open = async (): Promise<DelegationStore> => {
      const connection = await readConnection(folder).catch(() => undefined)
      return openStore(join(folder, 'delegations'), connection?.unlock?.delegations, flags, host)
    }
    const store = opened.get(folder) ?? open()
    opened.set(folder, store)
    return store
  }
}

/** Opens the delegations of an agent for the agent itself. */
export function ownStore(
  { delegations, unlock }: GatewayConnection,
  flags: Flags,
  host: Host,
): Promise<DelegationStore> {
  return openStore(delegations, unlock?.delegations, flags, host)
}

async function openStore(
  path: string,
  source: KeySource | undefined,
  flags: Flags,
  host: Host,
): Promise<DelegationStore> {
  const about = await describeDelegationFile({ path })
  if (about?.encrypted !== true) {
    const again = 'move the file away, and store its delegations again with `procura agent receive NAME`'
    if (about !== undefined && source !== undefined)
      throw new UsageError(`${quote(path, 256)} is not encrypted, but \`unlock\` in connect.json requires it; ${again}`)
    if (source === undefined && textOf(flags, 'delegations-key-file') !== undefined)
      throw new UsageError(
        `${quote(path, 256)} is not encrypted; leave out --delegations-key-file, or set \`unlock.delegations\` in connect.json and ${again}`,
      )
    if (source === undefined) return fileDelegationStore({ path })
  }
  return namedStore(path, await delegationsKey(flags, host, { source, isNew: about === undefined, path }), about?.name)
}

/** The store of an encrypted file, under the name that the file has. */
export function namedStore(path: string, key: FileKey, name: string | undefined): DelegationStore {
  return fileDelegationStore({ path, key, ...(name !== undefined && { name }) })
}

/** An encrypted file of delegations. */
interface SealedPlace {
  readonly path: string
  /** The source of its key in connect.json. */
  readonly source?: KeySource | undefined
  /** Whether a file is made with the key, so that a typing error would lock it for ever. */
  readonly isNew?: boolean
}

/**
 * The key of an encrypted file of delegations. A command in connect.json is not run: a program that can write to the
 * folder of an agent alone would act as the person who uses this program.
 */
export async function delegationsKey(
  flags: Flags,
  host: Host,
  { path, source, isNew = false }: SealedPlace,
): Promise<FileKey> {
  const keyFile = textOf(flags, 'delegations-key-file')
  if (keyFile !== undefined) return { keyFile }
  if (source !== undefined && 'file' in source) return { keyFile: source.file }
  const given = host.env[variable]
  if (given !== undefined && given !== '') return { passphrase: given }
  if (!host.isTerminal)
    throw new MissingKeyError(
      `the delegations are encrypted: pass --delegations-key-file, or ${variable} in the environment`,
    )
  const passphrase = await askPassphrase(`passphrase of ${quote(path, 256)} (it is not shown): `, host)
  if (isNew && passphrase !== (await askPassphrase('the same passphrase again: ', host)))
    throw new UsageError('the two passphrases differ; nothing is written')
  return { passphrase }
}
