/** How much is measured. */
export interface Effort {
  /** How often every contender has its turn. */
  readonly rounds: number
  /** Milliseconds of one turn, roughly. */
  readonly turnMs: number
}

/** How a suite is run. */
export interface SuiteOptions {
  readonly effort: Effort
  /** Whether this run only shows that everything works: no figure of it means anything. */
  readonly smoke: boolean
  /** The peers that are installed, and may be measured. */
  readonly peers: ReadonlySet<string>
}

/** One table of results. */
export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** The facts that a reader needs for the table. */
  readonly notes?: readonly string[]
}

/** The result of a suite. */
export interface SuiteResult {
  readonly tables: readonly Table[]
  /** Named figures, which the targets are compared with. */
  readonly figures: Readonly<Record<string, number>>
}

/** Something to be measured, in a process of its own. */
export interface Suite {
  /** Its name for `--suite`. */
  readonly name: string
  run(options: SuiteOptions): Promise<SuiteResult>
}
