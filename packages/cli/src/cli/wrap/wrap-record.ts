// node only: hashes names
import { createHash } from 'node:crypto'
import type { FileVault } from 'procura/vault/file'
import type { DataObject } from '../clients/config-document.ts'
import { UsageError } from '../usage-error.ts'
import type { PlannedSecret } from './planned.ts'

/** A server that was changed. */
export interface WrappedEntry {
  readonly place: readonly string[]
  /** Its name in the gateway. */
  readonly server: string
  /** Its value after the change. */
  readonly wrapped: DataObject
  /** The text of each of its parts before the change, by the name that the part has after it. */
  readonly originals: readonly { readonly id: string; readonly text: string }[]
  /** Its secrets as the vault got them. */
  readonly secrets?: readonly PlannedSecret[]
}

/** One run of `wrap`. */
export interface WrapLayer {
  /** SHA-256 of the file before and after. */
  readonly before: string
  readonly after: string
  readonly entries: readonly WrappedEntry[]
  /** The CIDs of the delegations that it made in the place of others. */
  readonly made?: readonly string[]
  /** The others, in base64url. `unwrap` gives them back to the agent. */
  readonly replaced?: readonly string[]
}

/** The data for `unwrap`. It contains the secrets of the file, so it is stored in the vault alone. WRP-12 */
export interface WrapRecord {
  readonly version: 1
  readonly path: string
  readonly client: string
  readonly agent: string
  /** The runs of `wrap`, the first one first. */
  readonly layers: readonly WrapLayer[]
}

/** The name of the record of a configuration file. */
export function recordId(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 16)
}

/** The credential that contains the record. No credential of a server has a slash. */
export function recordReference(path: string): string {
  return `procura-wrap/${recordId(path)}`
}

/** Reads a record. It was sealed, so that its content is known; a later version may have other parts. */
export function parseWrapRecord(text: string): WrapRecord {
  const record = JSON.parse(text, (_, value: unknown) => value) as WrapRecord
  if (record.version !== 1)
    throw new UsageError('the record of this configuration is of a later version of procura; update procura')
  return record
}

/** The rules of a record, which permit it to no command of a tool. */
export const recordOptions: { readonly leasable: true; readonly commands: readonly string[] } = Object.freeze({
  leasable: true,
  commands: ['/procura/wrap'],
})

/** Stores the record. */
export async function storeRecord(vault: FileVault, record: WrapRecord): Promise<void> {
  await vault.put(recordReference(record.path), { secret: JSON.stringify(record), ...recordOptions })
}
