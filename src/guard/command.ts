import type { CommandDefinition } from '../capability/definition.ts'

/**
 * A command as a service guards it: its definition, which credential it uses, and what of it may be seen in the audit.
 * Write `{ ...definition, credential: 'crm' }`.
 */
export type GuardedCommand<Args = unknown> = CommandDefinition<Args> & {
  /** Name of the credential in the vault. From here and from nowhere else: no text of a request can choose one. */
  readonly credential?: string
  /** Arguments that may stand in the audit in clear, by name; `to.domain` leads into a map. Default: none. */
  readonly show?: readonly string[]
  /** Arguments that stand in the audit encrypted for the subject, and can be erased. Default: none. */
  readonly personal?: readonly string[]
}
