// node only: starts programs
import process from 'node:process'

/** The end of a program. */
export interface EndedProgram {
  /** Null: it was killed. */
  readonly code: number | null
  readonly output: Uint8Array
  /** The beginning of its standard error, with `errors`; else empty. */
  readonly errors: string
}

/** Options of {@link runProgram}. */
export interface RunProgramOptions {
  /** Its environment. Default: of this process. Passphrases of Procura are left out. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Its standard input. Default: none, because that of this process belongs to a client. */
  readonly input?: string
  /** Whether its standard error is read. Default: it is discarded. */
  readonly errors?: boolean
  /** Milliseconds within which it must end: a keyring may ask a person to unlock it. Default: 30,000. */
  readonly ms?: number
}

/** The most bytes of output. */
const mostBytes = 4_096

/**
 * Runs a program that prints a little, and wipes nothing of its output: the caller does.
 *
 * @throws Error whose message is the fault: it could not be started, printed too much, or did not end.
 */
export async function runProgram(
  [program = '', ...words]: readonly string[],
  { env = process.env, input, errors = false, ms = 30_000 }: RunProgramOptions = {},
): Promise<EndedProgram> {
  // Most starts need no program, and each module that a start loads takes time.
  const { spawn } = await import('node:child_process')
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      env: withoutPassphrases(env),
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', errors ? 'pipe' : 'ignore'],
      windowsHide: true,
    })
    const chunks: Buffer[] = []
    let [length, text] = [0, '']
    const end = (fault: string): void => {
      reject(new Error(fault))
      child.kill('SIGKILL')
      child.stdout?.destroy()
      child.stderr?.destroy()
    }
    const timer = setTimeout(() => end(`did not end within ${ms / 1_000} s`), ms)
    child.stdout?.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length > mostBytes) end(`printed more than ${mostBytes} bytes`)
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      text = `${text}${chunk.toString('utf8')}`.slice(0, mostBytes)
    })
    // A program may end before it has read its input; its exit code is the fault then.
    child.stdin?.on('error', () => undefined).end(input)
    child.on('error', ({ code }: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      reject(new Error(`could not be started (${code})`))
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      const output = Buffer.concat(chunks)
      for (const chunk of chunks) chunk.fill(0)
      resolve({ code, output, errors: text })
    })
  })
}

/** A program needs the environment, for example the address of the keyring. It needs no passphrase of Procura. */
export function withoutPassphrases(env: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^PROCURA_.*PASSPHRASE$/i.test(name)))
}
