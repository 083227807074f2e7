import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../../src/cli/run.ts'
import type { Keyring } from '../../../src/support/keyring.ts'
import type { CliResult } from '../run-cli.ts'

/** A machine of a user: a folder with a home, and a program. */
export interface Machine {
  readonly folder: string
  /** The home folder of the gateway. */
  readonly home: string
  /** The file with the key of the vault. `procura wrap` makes it. */
  readonly keyFile: string
  readonly env: Readonly<Record<string, string>>
  write(name: string, text: string): string
  procura(words: readonly string[], options?: RunOptions): Promise<CliResult>
  remove(): void
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** What a person types at the terminal. Without it, standard input is no terminal. */
  readonly typed?: readonly string[]
  /** The keyring of the desktop. */
  readonly keyring?: Keyring
  /** The words that start the program. */
  readonly program?: readonly string[]
}

/** Makes a machine. Its vault has a key file, which takes no time to derive. */
export function newMachine(): Machine {
  const folder = mkdtempSync(join(tmpdir(), 'procura-wrap-'))
  const base = join(folder, '.config')
  // The default home folder, which messages do not name.
  const env = { HOME: folder, XDG_CONFIG_HOME: base, PROCURA_HOME: join(base, 'procura') }
  return {
    folder,
    home: env.PROCURA_HOME,
    keyFile: join(folder, 'vault.key'),
    env,
    write(name, text) {
      const path = join(folder, name)
      mkdirSync(join(path, '..'), { recursive: true })
      writeFileSync(path, text)
      return path
    },
    procura: (words, options = {}) => runOn(env, words, options),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Runs a verb about a configuration, with the key file of the vault. */
type WrapVerb = (path: string, ...more: readonly string[]) => Promise<CliResult>

/** The verbs that wrap a configuration and undo it, on the machine of the present test. */
export function wrapVerbs(machine: () => Machine): { readonly wrap: WrapVerb; readonly unwrap: WrapVerb } {
  const verb =
    (name: string): WrapVerb =>
    (path, ...more) =>
      machine().procura([name, path, '--key-file', machine().keyFile, ...more])
  return { wrap: verb('wrap'), unwrap: verb('unwrap') }
}

async function runOn(
  env: Readonly<Record<string, string>>,
  words: readonly string[],
  { env: more = {}, typed, keyring, program = ['/usr/bin/node', '/opt/procura/procura.js'] }: RunOptions,
): Promise<CliResult> {
  const out: string[] = []
  const err: string[] = []
  const answers = [...(typed ?? [])]
  const code = await run(words, {
    env: { ...env, ...more },
    program,
    print: (line) => void out.push(line),
    complain: (line) => void err.push(line),
    isTerminal: typed !== undefined,
    ...(keyring !== undefined && { keyring: async () => keyring }),
    readInput: async () => new Uint8Array(),
    askHidden: async (question) => {
      err.push(question)
      const answer = answers.shift()
      return answer === undefined ? undefined : Buffer.from(answer)
    },
  })
  return { code, out: out.join('\n'), err: err.join('\n') }
}
