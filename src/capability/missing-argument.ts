import type { CommandDefinition } from './definition.ts'
import { absenceOf, isOptional } from './standard-schema.ts'

/**
 * The first argument that the command requires and the arguments lack; undefined when there is none. Of a command given by
 * its text nothing is known. A schema that answers later is not waited for: the service asks it.
 *
 * @param args - what was given; may be anything.
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
