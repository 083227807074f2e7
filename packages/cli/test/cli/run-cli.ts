import type { Host } from '../../src/cli/host.ts'
import { run } from '../../src/cli/run.ts'

/** The output of the program, and its exit code. */
export interface CliResult {
  readonly code: number
  readonly out: string
  readonly err: string
}

/**
 * Runs the program in this process.
 *
 * @param typed - what a person types at the terminal; null breaks off. Without it, standard input is no terminal.
 */
export async function runCli(
  words: readonly string[],
  input: string | Uint8Array = '',
  env: Readonly<Record<string, string>> = {},
  typed?: readonly (string | null)[],
  terminal?: Host['terminal'],
): Promise<CliResult> {
  const out: string[] = []
  const err: string[] = []
  const answers = [...(typed ?? [])]
  const code = await run(words, {
    env,
    program: ['/usr/bin/node', '/opt/procura/procura.js'],
    print: (line) => void out.push(line),
    complain: (line) => void err.push(line),
    isTerminal: typed !== undefined,
    ...(terminal !== undefined && { terminal }),
    readInput: async (most) => (input.length > most ? undefined : Buffer.from(input)),
    askHidden: async (question) => {
      err.push(question)
      const answer = answers.shift()
      return answer === null || answer === undefined ? undefined : Buffer.from(answer)
    },
  })
  return { code, out: out.join('\n'), err: err.join('\n') }
}
