/** What the program has of the outside: handed in, so that it can be run in a test as it runs on a machine. */
export interface Host {
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Writes a line to standard output. */
  print(line: string): void
  /** Writes a line to standard error. */
  complain(line: string): void
  /** Reads standard input to its end. */
  readInput(): Promise<string>
}
