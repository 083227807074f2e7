import type { Command } from 'procura'
import { ArgumentError } from 'procura/errors'
import { quote } from '#support/quote.ts'

/**
 * The command of a request to an API behind the gateway: `/http/API`. The method, path, query and body are its
 * arguments (`requestArguments` of `procura/http/binding`), which policies limit.
 *
 * @throws ArgumentError when the name does not have the form `[a-z0-9][a-z0-9_-]{0,31}`.
 *
 * @example
 * ```ts
 * import { apiCommand } from 'procura-cli'
 *
 * console.log(apiCommand('crm'))
 * // /http/crm
 * ```
 */
export function apiCommand(api: string): Command {
  if (typeof api === 'string' && /^[a-z0-9][a-z0-9_-]{0,31}$/.test(api)) return `/http/${api}` as Command
  throw new ArgumentError(
    `apiCommand: \`api\` must begin with a-z or 0-9 and have at most 32 characters of a-z, 0-9, _ and - (got ${typeof api === 'string' ? quote(api) : `a ${typeof api}`})`,
  )
}
