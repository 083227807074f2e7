// node only: starts programs
/**
 * The keys of the encrypted files of an agent. An MCP client starts the programs of an agent, and nobody is there to
 * type a passphrase.
 *
 * @module
 */
import type { DelegationStore } from 'procura/agent'
import { describeDelegationFile, fileDelegationStore } from 'procura/agent/file'
import { ArgumentError } from 'procura/errors'
import { describeSignerFile, openSignerFile, type SignerFile } from 'procura/signer/file'
import type { FileKey } from 'procura/vault/file'
import { quote } from '#support/quote.ts'
import { passphraseOf } from '../../../support/passphrase-command.ts'
import { atHome } from '../../configuration/at-home.ts'
import type { GatewayConnection, KeySource } from './connection-file.ts'

/**
 * Opens the key of an agent. A key that is not needed is not used: the environment of several agents may have it for
 * one of them.
 */
export async function openAgentKey({ key: path, unlock }: GatewayConnection, given?: FileKey): Promise<SignerFile> {
  const source = unlock?.key
  if (source === undefined && given === undefined) return openSignerFile({ path })
  const { encrypted } = await describeSignerFile({ path })
  return openSignerFile({ path, ...(encrypted && { key: given ?? (await keyFrom(source as KeySource, 'key')) }) })
}

/**
 * Makes a function that opens the store of an agent's delegations as the file is now: it can be encrypted later. With
 * `unlock.delegations`, a file that is not encrypted is refused. CON-24
 */
export function delegationsOpener(connection: GatewayConnection, given?: FileKey): () => Promise<DelegationStore> {
  const { delegations: path, unlock } = connection
  const source = unlock?.delegations
  const plain = fileDelegationStore({ path })
  let last: { readonly name: string | undefined; readonly store: DelegationStore } | undefined
  return async () => {
    const about = await describeDelegationFile({ path })
    if (about?.encrypted !== true && source === undefined) return plain
    // A file that was replaced by an unencrypted one would be used without notice.
    if (about?.encrypted === false)
      throw new ArgumentError(
        atHome(
          `${quote(path, 256)} is not encrypted, but \`unlock\` in connect.json requires it; move the file away, and store its delegations again with \`procura agent receive NAME\``,
          connection,
        ),
      )
    if (given === undefined && source === undefined)
      throw new ArgumentError(
        'the delegations of the agent are encrypted; set `unlock.delegations` in connect.json, or pass `delegationsKey`',
      )
    const name = about?.name
    // The store keeps what it derived from a passphrase, which takes a part of a second.
    if (last === undefined || last.name !== name) {
      const key = given ?? (await keyFrom(source as KeySource, 'delegations'))
      last = { name, store: fileDelegationStore({ path, key, ...(name !== undefined && { name }) }) }
    }
    return last.store
  }
}

/** The key of a source. */
async function keyFrom(source: KeySource, of: 'key' | 'delegations'): Promise<FileKey> {
  if ('file' in source) return { keyFile: source.file }
  return { passphrase: await passphraseOf(source.command, `the command in \`unlock.${of}\` of connect.json`) }
}
