import { ArgumentError } from '../../../errors.ts'
import type { CommandDefinition } from '../definition.ts'
import type { Policy } from './statement.ts'
import { undeclaredIn } from './undeclared-in.ts'

/**
 * Refuses a policy about an argument that the command does not declare.
 *
 * @param policy - as returned by `parsePolicy` or a builder.
 * @throws ArgumentError that names the argument, and the declared ones.
 */
export function checkDeclared<Args>(command: string | CommandDefinition<Args>, policy: Policy): void {
  const fault = undeclaredIn(command, policy)
  if (fault !== undefined) throw new ArgumentError(fault)
}
