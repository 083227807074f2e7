import type { CommandLine, DataObject } from '../clients/config-document.ts'

/** The server and the agent of a `connect` command line. */
export interface ConnectTarget {
  readonly server: string
  readonly agent: string | undefined
  readonly home: string | undefined
}

/**
 * The command line that an agent's client runs in place of a server.
 *
 * @param program - the words that start this program.
 */
export function connectLine(
  program: readonly string[],
  server: string,
  { agent, home }: { readonly agent: string; readonly home: string },
): CommandLine {
  const [command = '', ...before] = program
  return { command, args: [...before, 'connect', server, '--agent', agent, '--home', home] }
}

/** Reads such a command line in the value of a server; undefined for any other server. */
export function connectionOf(value: DataObject): ConnectTarget | undefined {
  const { command, args } = value
  if (typeof command !== 'string' || !Array.isArray(args) || !args.every((word) => typeof word === 'string'))
    return undefined
  const words = [command, ...(args as readonly string[])]
  const at = words.indexOf('connect')
  if (at < 1 || !words.slice(0, at).some((word) => /(?:^|[\\/])procura(?:\.[a-z]{1,4})?$/.test(word))) return undefined
  const server = words[at + 1]
  if (server === undefined) return undefined
  const after = (option: string): string | undefined => {
    const found = words.indexOf(option, at)
    return found < 0 ? undefined : words[found + 1]
  }
  return { server, agent: after('--agent'), home: after('--home') }
}
