// node only: reads files
import { encodeContainerBytes } from '../container/container.ts'
import { fileDelegationStore } from '../delegation-file/file-delegation-store.ts'
import type { FileKey } from '../vault/stores/file/key.ts'
import type { Host } from './host.ts'
import { askPassphrase } from './open-signer.ts'
import { UsageError } from './usage-error.ts'
import { type Flags, textOf } from './verb.ts'

/** The passphrase of an encrypted file of delegations. */
const variable = 'PROCURA_DELEGATIONS_PASSPHRASE'

/** Whether bytes begin like an encrypted file of delegations. */
export function isSealedFile(bytes: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(bytes.subarray(0, 64)).startsWith('{"format":"procura-delegations@')
}

/**
 * Opens an encrypted file of delegations. Its key comes from the environment, a file or the terminal. CLI-12
 *
 * @returns a container with its delegations.
 */
export async function openSealedFile(
  bytes: Uint8Array,
  path: string | undefined,
  flags: Flags,
  host: Host,
): Promise<Uint8Array> {
  if (path === undefined || path === '-')
    throw new UsageError('the input is an encrypted file of delegations; pass the path of the file')
  const tokens = await sealedStore(path, bytes, await delegationsKey(flags, host)).load({})
  if (tokens.length === 0) throw new UsageError('the file has no delegation')
  return encodeContainerBytes(tokens.map((one) => ({ bytes: one })))
}

/** The store of an encrypted file, under the name that the file has. */
export function sealedStore(path: string, bytes: Uint8Array, key: FileKey): ReturnType<typeof fileDelegationStore> {
  const name = nameIn(bytes)
  return fileDelegationStore({ path, key, ...(name !== undefined && { name }) })
}

/** The key of an encrypted file of delegations. */
export async function delegationsKey(flags: Flags, host: Host): Promise<FileKey> {
  const keyFile = textOf(flags, 'delegations-key-file')
  if (keyFile !== undefined) return { keyFile }
  const given = host.env[variable]
  if (given !== undefined && given !== '') return { passphrase: given }
  if (!host.isTerminal)
    throw new UsageError(
      `the delegations are encrypted: pass --delegations-key-file, or ${variable} in the environment`,
    )
  return { passphrase: await askPassphrase('passphrase of the delegations (it is not shown): ', host) }
}

/** The name that the file shows. It is authenticated when the file is opened. */
function nameIn(bytes: Uint8Array): string | undefined {
  try {
    const { name } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly name?: unknown }
    return typeof name === 'string' ? name : undefined
  } catch {
    return undefined
  }
}
