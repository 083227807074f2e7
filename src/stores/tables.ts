/** The names of the tables of the stores. */
export interface Tables {
  /**
   * One row: the fingerprint of the secret, the epoch, and the latest times before which calls and revocations were
   * forgotten.
   */
  readonly meta: string
  readonly calls: string
  readonly revocations: string
  readonly personalKeys: string
  /** The revocations in the order of their addition, encrypted. */
  readonly revocationJournal: string
  /** One row: the name of the journal. */
  readonly journalName: string
  /** The used amount of each limit. */
  readonly limits: string
  /** Amounts that count for a while: of calls in progress, and within the period of a rate. */
  readonly limitHolds: string
  /** The tasks of idempotent commands that were counted. */
  readonly limitTasks: string
  /** The ids of processed Security Event Tokens. */
  readonly processedSets: string
}

/** Returns the names for one prefix. */
export function tablesOf(prefix: string): Tables {
  return {
    meta: `${prefix}_stores`,
    calls: `${prefix}_calls`,
    revocations: `${prefix}_revocations`,
    personalKeys: `${prefix}_personal_keys`,
    revocationJournal: `${prefix}_revocation_journal`,
    journalName: `${prefix}_journal_name`,
    limits: `${prefix}_limits`,
    limitHolds: `${prefix}_limit_holds`,
    limitTasks: `${prefix}_limit_tasks`,
    processedSets: `${prefix}_processed_sets`,
  }
}
