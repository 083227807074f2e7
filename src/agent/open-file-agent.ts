// node only: opens files

import type { Signer } from '../core/principal/signer.ts'
import type { DelegationStore } from '../core/proof/delegation-store.ts'
import { openSignerFile } from '../signers/file/signer-file.ts'
import { fileDelegationStore } from '../stores/delegation-file/file-delegation-store.ts'
import { isOpened, openable, withPath } from '../support/opened.ts'
import { type OptionChecks, readOptions } from '../support/options.ts'
import type { Agent } from './agent.ts'
import { openAgent } from './open-agent.ts'
import { agentChecks, type OpenAgentOptions } from './options.ts'

/** Options of {@link openFileAgent}: those of `openAgent`, with files for the key and the delegations. */
export interface FileAgentOptions extends Omit<OpenAgentOptions, 'delegations' | 'signer' | 'store'> {
  /** The file of the key: its path, or the options of `openSignerFile`; or a signer. */
  readonly signer: string | Parameters<typeof openSignerFile>[0] | Signer
  /** The file of the delegations: its path, or the options of `fileDelegationStore`; or a store. */
  readonly store: string | Parameters<typeof fileDelegationStore>[0] | DelegationStore
}

const { delegations: _, ...checksOfAgent } = agentChecks

const checks: OptionChecks<FileAgentOptions> = Object.freeze({
  ...checksOfAgent,
  signer: openable('the path of a key file, the options of openSignerFile, or a signer'),
  store: openable('the path of a file of delegations, the options of fileDelegationStore, or a store'),
})

/**
 * Opens an agent whose key and delegations are in files. `procura key new` or `createSignerFile` makes the file of the
 * key. `procura delegate --out` makes a file of delegations; `receive` adds to it, and makes it if it is missing.
 *
 * @throws ArgumentError when an option is invalid; VaultError as `openSignerFile` does; StoreError as
 *   `fileDelegationStore` does.
 *
 * @example
 * ```ts
 * import { openFileAgent } from 'procura/agent/file'
 *
 * const assistant = await openFileAgent({
 *   signer: 'agent.key',
 *   store: 'agent.ucan',
 *   services: [{ audience: service.did, url: 'https://mail.example.com/call' }],
 * })
 * const result = await assistant.call(send, { to: 'bob@example.com' })
 * console.log(result.ok ? result.value : result.message)
 * ```
 */
export async function openFileAgent(options: FileAgentOptions): Promise<Agent> {
  const { signer, store, ...given } = readOptions('openFileAgent', options, checks)
  // Before the wait for the signer: the caller may overwrite the bytes of a key meanwhile.
  const held = isOpened<DelegationStore>(store, 'change') ? store : fileDelegationStore(withPath(store, 'path'))
  return openAgent({
    ...given,
    signer: isOpened<Signer>(signer, 'sign') ? signer : (await openSignerFile(withPath(signer, 'path'))).signer,
    store: held,
  })
}
