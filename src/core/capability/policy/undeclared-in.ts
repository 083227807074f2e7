import { quote } from '../../../support/quote.ts'
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
  const foreign = foreignIn(policy, args)
  if (foreign === undefined) return undefined
  const names = Object.keys(args).map((name) => quote(name))
  const known = names.length === 0 ? 'it has no arguments' : `it has ${names.join(', ')}`
  return `command ${quote(command.command)} has no argument ${quote(foreign)}; ${known}`
}

/** The first argument that is selected and not declared. Inside `all` and `any`, selectors begin at an element. */
function foreignIn(statements: readonly Statement[], args: object): string | undefined {
  for (const statement of statements) {
    const [operator, first] = statement
    if (operator === 'and' || operator === 'or' || operator === 'not') {
      const foreign = foreignIn(operator === 'not' ? [first] : first, args)
      if (foreign !== undefined) return foreign
    } else if (typeof first === 'string') {
      const name = argumentOf(first)
      if (name !== undefined && !Object.hasOwn(args, name)) return name
    }
  }
  return undefined
}

/** The argument that a selector begins with. A plain name is read without the parser, which takes ten times as long. */
function argumentOf(selector: string): string | undefined {
  const [, plain] = /^\.([A-Za-z_]\w*)/.exec(selector) ?? []
  if (plain !== undefined) return plain
  const [segment] = parseSelector(selector)
  return segment?.kind === 'field' ? segment.name : undefined
}
