import type { Authorization } from '../authorization/authorization.ts'
import type { CommandDefinition } from '../capability/definition.ts'
import { VaultError } from '../errors.ts'
import type { ReferenceTable } from '../vault/rules/reference-table.ts'

/**
 * The definition of a command, with its credential and its recorded arguments: `{ ...definition, credential: 'crm' }`.
 */
export type GuardedCommand<Args = unknown> = CommandDefinition<Args> & {
  /**
   * Name of the credential in the vault, or a table with a name for each subject (`referenceTable`), for a service
   * whose owners have their own keys. No text of a request can select a credential.
   */
  readonly credential?: string | ReferenceTable
  /** Names of arguments that are recorded in clear; `to.domain` leads into a map. Default: none. */
  readonly show?: readonly string[]
  /** Names of arguments that are recorded encrypted for the subject, and can be erased. Default: none. */
  readonly personal?: readonly string[]
}

/** The names of the credentials that a command can use. */
export function credentialsOf({ credential }: GuardedCommand): readonly string[] {
  return credential === undefined ? [] : typeof credential === 'string' ? [credential] : credential.references
}

/**
 * The name of the credential of a call; undefined if its command uses none.
 *
 * @throws VaultError `ERR_VAULT_UNKNOWN_REFERENCE` when the table has none for this subject.
 */
export function credentialFor(
  { credential }: GuardedCommand,
  call: Pick<Authorization, 'command' | 'subject'>,
): string | undefined {
  return typeof credential === 'function' ? credential(call) : credential
}

/** The same for a record: undefined also for a subject without a credential. */
export function credentialOnRecord(
  command: GuardedCommand,
  call: Pick<Authorization, 'command' | 'subject'>,
): string | undefined {
  try {
    return credentialFor(command, call)
  } catch (error) {
    if (error instanceof VaultError) return undefined
    throw error
  }
}
