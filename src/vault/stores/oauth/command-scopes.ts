import { type Command, commandCovers, parseCommand } from '../../../core/capability/command.ts'
import { ArgumentError, VaultError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'

/** OAuth scopes by command. */
export interface CommandScopes {
  /**
   * Returns the scope of the longest command that covers `command`; `undefined` when no scopes are configured.
   *
   * @throws VaultError `ERR_VAULT_DOWNSCOPE` when scopes are configured, and none of them covers the command.
   */
  scopeFor(command: Command): string | undefined
}

/**
 * Reads a table of OAuth scopes by command, for example `{ '/crm/read': 'contacts:read' }`.
 *
 * @throws ArgumentError when a scope is malformed (RFC 6749, section 3.3).
 */
export function commandScopes(scopes: Readonly<Record<string, string>> | undefined): CommandScopes {
  if (scopes === undefined) return { scopeFor: () => undefined }
  const entries = Object.entries(scopes).map(([text, scope]) => [parseCommand(text), scope] as const)
  for (const [command, scope] of entries) {
    if (typeof scope !== 'string' || !/^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(scope)) {
      throw new ArgumentError(`the scope of ${quote(command)} must be words separated by single spaces`)
    }
  }
  entries.sort(([a], [b]) => b.length - a.length)
  return {
    scopeFor: (command) => {
      const entry = entries.find(([covering]) => commandCovers(covering, command))
      // VLT-18
      if (entry === undefined) {
        throw new VaultError(
          'ERR_VAULT_DOWNSCOPE',
          `no scope is configured for ${quote(command)}; add one to \`scopes\``,
        )
      }
      return entry[1]
    },
  }
}
