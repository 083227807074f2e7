// node only: opens files

import { join } from 'node:path'
import type { AuditSink } from '../audit/sink.ts'
import { type JsonlAuditSinkOptions, openJsonlLog } from '../audit/sinks/jsonl/jsonl-audit-sink.ts'
import { machineFiles } from '../audit/sinks/jsonl/log-files.ts'
import type { Signer } from '../core/principal/signer.ts'
import type { AuditOptions } from '../guard/audit-options.ts'
import { openSignerFile, type SignerFile, type SignerFileOptions } from '../signers/file/signer-file.ts'
import { isOpened, openable, withPath } from '../support/opened.ts'
import {
  anything,
  either,
  maybe,
  nonEmptyArrayOf,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  readOptions,
  withMethod,
} from '../support/options.ts'
import { type FileVaultOptions, openFileVault } from '../vault/stores/file/file-vault.ts'
import { withOwnKey } from '../vault/stores/file/key.ts'
import type { Vault } from '../vault/vault.ts'
import { type KeptRevocations, keepRevocations } from './kept-revocations.ts'
import { type ServiceOptions, serviceChecks } from './options.ts'
import { createService, registryOf, type Service, serviceOf } from './service.ts'
import { readUsedCalls } from './used-calls.ts'

/** Options of {@link openFileService}: those of `createService`, with files for the key, the vault and the log. */
export interface FileServiceOptions extends Omit<ServiceOptions, 'audience' | 'audit' | 'receipts' | 'vault'> {
  /** The file of the key of the service: its path, or the options of `openSignerFile`; or a signer. */
  readonly signer: string | SignerFileOptions | Signer
  /** Default: the DID of `signer`, and those of the previous keys in its file. */
  readonly audience?: ServiceOptions['audience']
  /** The vault of the credentials: the options of `openFileVault`, or a vault. */
  readonly vault?: FileVaultOptions | Vault
  /** Where records go, and how. */
  readonly audit: FileAuditOptions
  /**
   * Signs receipts; true for the key of the service. A call to a previous DID gets a receipt of that key. Default:
   * there are no receipts.
   */
  readonly receipts?: true | Exclude<ServiceOptions['receipts'], undefined>
}

/** How an opened service records: as a guard does, with files for the log. */
export interface FileAuditOptions extends Omit<AuditOptions, 'sink'> {
  /** The log: its directory, or the options of `openJsonlAuditSink`; or a sink. It is closed with the service. */
  readonly sink: string | JsonlAuditSinkOptions | AuditSink
}

/**
 * Opens a service whose key, vault and log are in files. Each of them can also be an object that is open already, such
 * as a sink in PostgreSQL. The stores are passed as to `createService`: their place is a decision of its own. With a
 * log in files, the revocations that the service takes are kept beside it, in `audit.revocations`, and a call of the
 * log is not accepted again after a restart, whatever the stores are. Limits in memory begin again.
 *
 * @throws ArgumentError when an option is invalid, or for an error that would fail the first call; VaultError as
 *   `openSignerFile` and `openFileVault` do; AuditError as `openJsonlAuditSink` does. The log is closed again then.
 *
 * @example
 * ```ts
 * import { memoryStores, on, openFileService } from 'procura/service/file'
 *
 * const mailService = await openFileService({
 *   signer: 'service.key',
 *   subjects: [owner.did],
 *   handlers: [
 *     on({ ...send, credential: 'mail' }, ({ args, fetch }) => fetch(`https://api.example.com/mail/${args.to}`)),
 *   ],
 *   vault: { path: 'vault', key: { keyFile: 'vault.key' } },
 *   audit: { sink: 'log' },
 *   receipts: true,
 *   ...memoryStores(),
 * })
 * ```
 */
export async function openFileService(options: FileServiceOptions): Promise<Service> {
  const { signer, audience, vault, audit, receipts, ...given } = readOptions('openFileService', options, checks)
  const { sink } = audit
  // Before the wait for the signer: the caller may overwrite the bytes of a key meanwhile.
  const secrets = vault === undefined || isOpened<Vault>(vault, 'use') ? vault : withOwnKey(vault as FileVaultOptions)
  const keys = await openKeys(signer)
  const opened = {
    ...given,
    // SVC-21
    audience: audience === undefined ? [...new Set(keys.map(({ did }) => did))] : audience,
    ...(secrets !== undefined && {
      vault: isOpened<Vault>(secrets, 'use') ? secrets : await openFileVault(secrets),
    }),
    ...(receipts !== undefined && { receipts: receipts === true ? keys : receipts }),
  }
  if (isOpened<AuditSink>(sink, 'append')) return createService({ ...opened, audit: audit as AuditOptions })
  // The log comes last, because it is locked while it is open.
  const place = withPath<JsonlAuditSinkOptions, 'directory'>(sink, 'directory')
  const { sink: log, lock } = await openJsonlLog(place)
  let kept: KeptRevocations | undefined
  try {
    const registry = registryOf('openFileService', given.registry, given.revocations)
    const path = join(place.directory, `${place.prefix ?? 'audit'}.revocations`)
    if (registry !== undefined)
      kept = await keepRevocations(registry, { path, files: place.files ?? machineFiles, lock })
    const wasUsed = log.history && (await readUsedCalls(log.history, given))
    // A spread would leave out inherited options, and with them the misspelt ones.
    const recording: AuditOptions = Object.create(audit, { sink: { value: log, enumerable: true } })
    const resources = [...(given.resources ?? []), ...(kept === undefined ? [] : [kept])]
    return serviceOf({ ...opened, audit: recording, resources, ...(kept && { registry: kept }) }, wasUsed)
  } catch (error) {
    await kept?.close()
    await log.close()
    throw error
  }
}

/** The signers of the service, the present one first. */
async function openKeys(signer: FileServiceOptions['signer']): Promise<readonly Signer[]> {
  if (isOpened<Signer>(signer, 'sign')) return [signer]
  const file: SignerFile = await openSignerFile(withPath(signer, 'path'))
  return [file.signer, ...file.previous]
}

const sinkCheck = openable('the directory of a log, the options of openJsonlAuditSink, or a sink')

const auditCheck: OptionCheck = (value) => {
  if (objectValue(value) !== undefined || isOpened<AuditSink>(value as object, 'append'))
    return 'must be an object with a `sink`: `audit: { sink }`'
  const fault = sinkCheck(Object(value).sink)
  return fault && `must have a \`sink\`, which ${fault}`
}

const { audience: _, ...checksOfService } = serviceChecks

const checks: OptionChecks<FileServiceOptions> = Object.freeze({
  ...checksOfService,
  signer: openable('the path of a key file, the options of openSignerFile, or a signer'),
  audience: anything,
  vault: maybe(objectValue),
  audit: auditCheck,
  receipts: maybe((value) =>
    value === true ? undefined : either(withMethod('sign'), nonEmptyArrayOf(withMethod('sign')))(value),
  ),
})
