import type { Authorization } from '../authorization/authorization.ts'
import type { CommandDefinition } from '../capability/definition.ts'
import { VaultError } from '../errors.ts'
import type { ReferenceTable } from '../vault/rules/reference-table.ts'

/**
 * A command as a service guards it: its definition, which credential it uses, and what of it may be seen in the audit.
 * Write `{ ...definition, credential: 'crm' }`.
 */
export type GuardedCommand<Args = unknown> = CommandDefinition<Args> & {
  /**
   * Name of the credential in the vault, or a table that tells it by the subject of the call (`referenceTable`), for a
   * service whose owners have keys of their own. From here and from nowhere else: no text of a request can choose one.
   */
  readonly credential?: string | ReferenceTable
  /** Arguments that may stand in the audit in clear, by name; `to.domain` leads into a map. Default: none. */
  readonly show?: readonly string[]
  /** Arguments that stand in the audit encrypted for the subject, and can be erased. Default: none. */
  readonly personal?: readonly string[]
}

/** Every credential that a command can use. */
export function credentialsOf({ credential }: GuardedCommand): readonly string[] {
  return credential === undefined ? [] : typeof credential === 'string' ? [credential] : credential.references
}

/**
 * The credential of a call; undefined when its command uses none.
 *
 * @throws VaultError `ERR_VAULT_UNKNOWN_REFERENCE` when the table has none for this subject.
 */
export function credentialFor(
  { credential }: GuardedCommand,
  call: Pick<Authorization, 'command' | 'subject'>,
): string | undefined {
  return typeof credential === 'function' ? credential(call) : credential
}

/** The same for a record, in which a subject without a credential is one that uses none. */
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
