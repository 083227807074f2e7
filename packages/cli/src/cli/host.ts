import type { Keyring } from '../support/keyring.ts'

/** The environment of the program, passed in so that a test can run the program as it runs on a machine. */
export interface Host {
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The words that start this program again, with absolute paths. Default: of the process. */
  readonly program?: readonly string[]
  /** Whether standard input is a terminal. */
  readonly isTerminal: boolean
  /** Whether the process had a terminal, which is gone now. Default: it is not. */
  lostTerminal?(): boolean
  /** The terminal at which a person approves calls. Default: standard input and standard error. */
  readonly terminal?: { readonly input: unknown; readonly output: unknown; readonly readingMs?: number }
  /** The mode of the file to which standard output is written. Default, and if it is not a file: undefined. */
  outputMode?(): number | undefined
  /** Loads the keyring of the desktop. Default: there is none. */
  keyring?(): Promise<Keyring | undefined>
  /** Ends a command that would go on for ever, such as the one that follows a log. */
  readonly signal?: AbortSignal
  /** Writes a line to standard output. */
  print(line: string): void
  /** Writes a line to standard error. */
  complain(line: string): void
  /** Reads standard input to its end, which may come after so many bytes. Resolves undefined when it has more. */
  readInput(mostBytes: number): Promise<Uint8Array | undefined>
  /**
   * Asks for a line at the terminal, which is not shown while it is typed. Resolves undefined when it was broken off,
   * also by the signal.
   */
  askHidden(question: string, signal?: AbortSignal): Promise<Uint8Array | undefined>
  /** Opens a page in the browser of the person. Resolves false when there is none. Default: there is none. */
  openBrowser?(page: URL): Promise<boolean>
}
