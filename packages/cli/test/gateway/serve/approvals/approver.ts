/** A person who answers requests at a terminal of the program, in this process. */
import { PassThrough } from 'node:stream'
import { type CliResult, runCli } from '../../../cli/run-cli.ts'

/** The output of the program, and of the terminal. */
export interface Answered extends CliResult {
  readonly shown: string
}

/**
 * Runs `procura approve` at a terminal.
 *
 * @param line - typed as the answer to each question.
 * @param typed - the passphrases.
 */
export async function approveAt(
  home: string,
  words: readonly string[],
  line = 'yes',
  typed: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  let shown = ''
  const output = {
    isTTY: true,
    columns: 100,
    write(text: string) {
      shown += text
      if (text.includes('Type yes')) setTimeout(() => input.write(`${line}\n`), 20)
    },
  }
  const terminal = { input, output, readingMs: 0 }
  const result = await runCli(['approve', ...words, '--home', home], '', env, typed, terminal)
  return { ...result, shown }
}
