import { quote } from '../../support/quote.ts'
import type { CommandDefinition } from '../definition.ts'
import { parseSelector } from './selector.ts'
import type { Policy, Statement } from './statement.ts'

/**
 * Finds an argument that a policy is about, and that the command does not declare: no call can contain it. For a
 * command given as text the arguments are not known, so every policy is accepted.
 *
 * @param policy - as returned by `parsePolicy` or a builder.
 * @returns the text of the error, which names the argument and the declared ones; undefined if each argument is
 *   declared.
 */
export function undeclaredIn<Args>(command: string | CommandDefinition<Args>, policy: Policy): string | undefined {
  if (typeof command !== 'object' || typeof command?.args !== 'object' || command.args === null) return undefined
  const { args } = command
  // POL-32
  const foreign = policy.flatMap(argumentsIn).find((name) => !Object.hasOwn(args, name))
  if (foreign === undefined) return undefined
  const names = Object.keys(args).map((name) => quote(name))
  const known = names.length === 0 ? 'it has no arguments' : `it has ${names.join(', ')}`
  return `command ${quote(command.command)} has no argument ${quote(foreign)}; ${known}`
}

/** The arguments that a statement selects. Inside `all` and `any`, selectors begin at an element. */
function argumentsIn(statement: Statement): readonly string[] {
  switch (statement[0]) {
    case 'and':
    case 'or':
      return statement[1].flatMap(argumentsIn)
    case 'not':
      return argumentsIn(statement[1])
    default: {
      if (typeof statement[1] !== 'string') return []
      const [first] = parseSelector(statement[1])
      return first?.kind === 'field' ? [first.name] : []
    }
  }
}
