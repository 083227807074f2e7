import type { Authorization } from '../core/authorization/authorization.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'
import type { ReferenceTable } from '../vault/rules/reference-table.ts'

/** The facts by which a service chooses the credential of a call. They were signed and checked. */
export type CredentialChoice = Pick<Authorization, 'command' | 'subject'>

/**
 * Returns the name of the credential of a call, or undefined if its subject has none; the call is then refused with
 * `credential_missing`. An error, or an answer after `decisionMs`, refuses the call too. It is asked once a call,
 * before the call is claimed in the replay store.
 */
export type CredentialFunction = (
  call: CredentialChoice,
  options: { readonly signal?: AbortSignal | undefined },
) => string | undefined | Promise<string | undefined>

/**
 * The definition of a command, with its credential and its recorded arguments: `{ ...definition, credential: 'crm' }`.
 */
export type GuardedCommand<Args = unknown> = CommandDefinition<Args> & {
  /**
   * Name of the credential in the vault, or a table with a name for each subject (`referenceTable`), for a service
   * whose owners have their own keys; or a function, for owners that are added while the service runs. No text of a
   * request can select a credential. The type of a table is a `CredentialFunction` too: a union of the two would give
   * the parameters of a function no type.
   */
  readonly credential?: string | CredentialFunction
  /**
   * Most upstream requests and leases of one call, each of which is checked again and recorded. Default 1. Pages of a
   * list, or a repetition, need more.
   */
  readonly requests?: number
  /** Names of arguments that are recorded in clear; `to.domain` leads into a map. Default: none. */
  readonly show?: readonly string[]
  /**
   * Names of arguments that are recorded encrypted, and can be erased: under a key of the subject, or of the
   * person whom `of` names. Default: none.
   */
  readonly personal?: readonly string[] | PersonalArguments<Args>
}

/** Arguments about a person, who is not the owner of the authority. */
export interface PersonalArguments<Args = unknown> {
  /** Names of arguments. */
  readonly fields: readonly string[]
  /**
   * Returns the name of the key of the person whom the arguments concern. It is recorded in clear: return an id without
   * a meaning, such as the number of a customer. For undefined the fields are not recorded. An error, or an
   * answer after `audit.deadlineMs`, refuses the call.
   */
  of(call: { readonly args: Args; readonly subject: string }): string | undefined | Promise<string | undefined>
}

/** The names of the personal arguments of a command. */
export function personalFields({ personal = [] }: Pick<GuardedCommand, 'personal'>): readonly string[] {
  return 'fields' in personal ? personal.fields : personal
}

/** The definition for the decision, without the names that the guard adds. */
export function definitionOf(guarded: GuardedCommand): CommandDefinition {
  const { credential: _, requests: __, show: ___, personal: ____, ...definition } = guarded
  return definition
}

/** The names of the credentials that a command can use, as far as they are known when the guard is made. */
export function credentialsOf({ credential }: GuardedCommand): readonly string[] {
  if (credential === undefined) return []
  if (typeof credential === 'string') return [credential]
  return isReferenceTable(credential) ? credential.references : []
}

/** Whether the credential of a command is found in a table. */
export function isReferenceTable(credential: CredentialFunction): credential is ReferenceTable {
  return Array.isArray((credential as Partial<ReferenceTable>).references)
}

/** The name of the credential of an allowed call, which was chosen before; undefined if its command uses none. */
export function credentialFor({ credential }: GuardedCommand): string | undefined {
  return typeof credential === 'string' ? credential : undefined
}
