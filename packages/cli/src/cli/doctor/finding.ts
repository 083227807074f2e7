/** A fact that the user should act on: a thing, its fault and the remedy. It has no secret. */
export interface Finding {
  /** The check that found it. */
  readonly check: string
  /** The file, the server or the agent. */
  readonly thing: string
  readonly fault: string
  readonly remedy: string
  /** Whether the arrangement works nevertheless. A note does not change the exit code. */
  readonly note?: true
}

/** The answer of one check. */
export interface Checked {
  readonly check: string
  /** In words, for a check without a finding. */
  readonly about: string
  readonly findings: readonly Finding[]
}
