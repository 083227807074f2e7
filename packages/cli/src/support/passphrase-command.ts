// node only: starts programs
import { ArgumentError } from 'procura/errors'
import { runProgram } from './run-program.ts'

/**
 * The passphrase that a command prints: its one line, without its end. CON-25
 *
 * @param place - of the command, as it begins a sentence: "the command in `unlock.key` of connect.json".
 * @throws ArgumentError when it fails, or prints anything else.
 */
export async function passphraseOf(
  command: readonly string[],
  place: string,
  env?: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const fail = (fault: string): never => {
    throw new ArgumentError(`${place} ${fault}; run it by hand`)
  }
  const { code, output } = await runProgram(command, { env }).catch((error: Error) => fail(error.message))
  if (code !== 0) return fail(`failed (exit code ${code ?? 'none'})`)
  const text = passphraseIn(output)
  output.fill(0)
  return text ?? fail('must print one line of text, the passphrase')
}

/** The one line of an output or a file, without its end; undefined if it has anything else. */
export function passphraseIn(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
    return text === '' || /[\r\n\0]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}
