import type { CommandDefinition } from './definition.ts'
import { absenceOf, isOptional } from './standard-schema.ts'

/**
 * The first required argument that is missing, or undefined. For a command given as text the required arguments are not
 * known. An asynchronous schema is not awaited: the service checks it.
 *
 * @param args - the arguments; may be of any type.
 */
export function missingArgument<Args>(command: string | CommandDefinition<Args>, args: unknown): string | undefined {
  if (typeof command !== 'object' || typeof command?.args !== 'object' || command.args === null) return undefined
  const given = new Map<string, unknown>(Object.entries(Object(args)))
  for (const [name, schema] of Object.entries(command.args)) {
    if (given.get(name) !== undefined || isOptional(schema)) continue
    const absence = absenceOf(schema)
    if (absence === 'refused' || absence === 'default') return name
  }
  return undefined
}
