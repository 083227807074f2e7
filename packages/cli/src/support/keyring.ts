// node only: starts programs
import process from 'node:process'
import { ArgumentError } from 'procura/errors'
import { quote } from '#support/quote.ts'
import { passphraseIn } from './passphrase-command.ts'
import { type EndedProgram, runProgram } from './run-program.ts'
import { shellQuoted } from './shell-quoted.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The keyring of a desktop. Its entries are passphrases of vaults, by the real path of a home folder. */
export interface Keyring {
  /** Whether it is there and answers. */
  answers(): Promise<boolean>
  /**
   * The passphrase for a folder; undefined when it has none.
   *
   * @throws ArgumentError when it does not answer.
   */
  lookUp(folder: string): Promise<string | undefined>
  /**
   * Stores a passphrase, in the place of an earlier one.
   *
   * @throws ArgumentError when it does not store it.
   */
  store(folder: string, passphrase: string): Promise<void>
  /**
   * Removes a passphrase. Without one, nothing is done.
   *
   * @throws ArgumentError when it does not remove it.
   */
  remove(folder: string): Promise<void>
  /** The command line that stores one, which it asks for. */
  storeCommand(folder: string): string
  /** The command line that prints one. */
  showCommand(folder: string): string
}

/** The keyring of this system: `secret-tool` on Linux, `security` on macOS. Undefined elsewhere. GTW-78 */
export function systemKeyring(env: Environment, platform: NodeJS.Platform = process.platform): Keyring | undefined {
  if (platform === 'linux') return secretService(env)
  return platform === 'darwin' ? keychain(env) : undefined
}

/** Milliseconds for a question that needs no person. */
const probeMs = 5_000

/** The Secret Service of a Linux desktop, such as GNOME Keyring or KWallet. */
function secretService(env: Environment): Keyring {
  const run = (words: readonly string[], input?: string, ms?: number): Promise<EndedProgram> =>
    runTool(['secret-tool', ...words], env, input, ms)
  const attributes = (folder: string): readonly string[] => ['procura', 'vault', 'home', folder]
  const label = 'Procura vault'
  return {
    // Without a service, `secret-tool` complains; without an entry, it prints nothing.
    answers: () =>
      run(['lookup', 'procura', 'probe'], undefined, probeMs).then(
        ({ code, errors }) => code === 0 || errors.trim() === '',
        () => false,
      ),
    async lookUp(folder) {
      const { code, output, errors } = await run(['lookup', ...attributes(folder)])
      if (code === 0) return passphraseFrom(output)
      if (errors.trim() === '') return undefined
      throw new ArgumentError(`the keyring does not answer: ${faultIn(errors)}`)
    },
    async store(folder, passphrase) {
      // Standard input, because every user can read the arguments of a program.
      const { code, errors } = await run(['store', `--label=${label}`, ...attributes(folder)], passphrase)
      if (code !== 0) throw new ArgumentError(`the keyring did not store the passphrase: ${faultIn(errors)}`)
    },
    async remove(folder) {
      const { code, errors } = await run(['clear', ...attributes(folder)])
      // Without an entry, it prints nothing.
      if (code !== 0 && errors.trim() !== '')
        throw new ArgumentError(`the keyring did not remove a passphrase: ${faultIn(errors)}`)
    },
    storeCommand: (folder) =>
      ['secret-tool', 'store', `--label=${label}`, ...attributes(folder)].map(shellQuoted).join(' '),
    showCommand: (folder) => ['secret-tool', 'lookup', ...attributes(folder)].map(shellQuoted).join(' '),
  }
}

/** The exit code of `security` for an entry that is missing (errSecItemNotFound). */
const notFound = 44

/**
 * The keychain of macOS. Nothing here was run on macOS: `security -i` is expected to read commands from standard input,
 * with words in double quotes.
 */
function keychain(env: Environment): Keyring {
  const run = (words: readonly string[], input?: string, ms?: number): Promise<EndedProgram> =>
    runTool(['security', ...words], env, input, ms)
  const service = 'procura-vault'
  return {
    answers: () =>
      run(['default-keychain'], undefined, probeMs).then(
        ({ code }) => code === 0,
        () => false,
      ),
    async lookUp(folder) {
      const { code, output, errors } = await run(['find-generic-password', '-s', service, '-a', folder, '-w'])
      if (code === 0) return passphraseFrom(output)
      if (code === notFound) return undefined
      throw new ArgumentError(`the keychain does not answer: ${faultIn(errors)}`)
    },
    async store(folder, passphrase) {
      const words = ['-U', '-s', service, '-a', folder, '-w', passphrase].map((word) => {
        // A line of its input is one command, and a quotation mark would end a word.
        if (/["\\\r\n\0]/.test(word))
          throw new ArgumentError(
            'a path or passphrase with a quotation mark or a backslash cannot go into the keychain',
          )
        return `"${word}"`
      })
      // Standard input, because every user can read the arguments of a program.
      const { code, errors } = await run(['-i'], `add-generic-password ${words.join(' ')}\n`)
      if (code !== 0) throw new ArgumentError(`the keychain did not store the passphrase: ${faultIn(errors)}`)
    },
    async remove(folder) {
      const { code, errors } = await run(['delete-generic-password', '-s', service, '-a', folder])
      if (code !== 0 && code !== notFound)
        throw new ArgumentError(`the keychain did not remove a passphrase: ${faultIn(errors)}`)
    },
    // Without a value, `-w` at the end asks for it.
    storeCommand: (folder) => `security add-generic-password -U -s ${service} -a ${shellQuoted(folder)} -w`,
    showCommand: (folder) => `security find-generic-password -s ${service} -a ${shellQuoted(folder)} -w`,
  }
}

async function runTool(
  command: readonly string[],
  env: Environment,
  input: string | undefined,
  ms: number | undefined,
): Promise<EndedProgram> {
  const options = { env, errors: true, ...(input !== undefined && { input }), ...(ms !== undefined && { ms }) }
  return runProgram(command, options).catch((error: Error) => {
    const hint = command[0] === 'secret-tool' ? '; install it (in Debian, the package libsecret-tools)' : ''
    throw new ArgumentError(`${command[0]} ${error.message}${error.message.includes('ENOENT') ? hint : ''}`)
  })
}

function passphraseFrom(output: Uint8Array): string {
  const text = passphraseIn(output)
  output.fill(0)
  if (text === undefined) throw new ArgumentError('the entry in the keyring must be one line of text, the passphrase')
  return text
}

/** The first line of an error message, which can have the path of an entry, and never its secret. */
function faultIn(errors: string): string {
  const line = errors.trim().split('\n', 1)[0] ?? ''
  return line === '' ? 'it gave no reason' : quote(line, 256)
}
