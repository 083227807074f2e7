import { anyCommand, type Command, parseCommand } from '../core/capability/command.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'

/** The command of a definition, or of a string. */
export function pathOf(command: string | CommandDefinition): Command {
  return typeof command === 'object' && command !== null ? command.command : parseCommand(command)
}

/** Whether a command is another one, or below it. It selects only: the rules of a call decide. */
export function isWithin(command: Command, above: Command): boolean {
  return above === anyCommand || command === above || command.startsWith(`${above}/`)
}
