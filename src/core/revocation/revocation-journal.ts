import { integerFrom, type OptionChecks, readOptions } from '../../support/options.ts'
import type { RevocationEntry } from './revocation-store.ts'

/** A revocation in a journal. */
export interface JournalEntry {
  /** Its number. Later entries have larger ones; numbers can be missing. */
  readonly sequence: number
  readonly entry: RevocationEntry
}

/** A part of a journal. */
export interface JournalPage {
  /**
   * Names the data behind the journal, in lower-case hexadecimal and `-`. Numbers of another journal have no meaning in
   * this one.
   */
  readonly journal: string
  /** In the order of their numbers. */
  readonly entries: readonly JournalEntry[]
  /** The last number that was given; 0 in a new journal. */
  readonly head: number
}

/** The part of a journal to list. */
export interface ListOptions {
  /** The number after which the part begins; 0 from the start. */
  readonly after: number
  /** Most entries of the part. */
  readonly limit: number
}

/** A store that lists its revocations in the order in which they were added. */
export interface RevocationJournal {
  /**
   * Lists the entries after a number. An entry is in every list that begins after its addition has resolved, until it
   * no longer applies. An entry that is added again with a later expiry has a new number. Rejects when it cannot find
   * out.
   */
  listRevocations(options: ListOptions): JournalPage | Promise<JournalPage>
}

const listChecks: OptionChecks<ListOptions> = Object.freeze({ after: integerFrom(0), limit: integerFrom(0) })

/**
 * Reads the argument of {@link RevocationJournal.listRevocations}.
 *
 * @throws ArgumentError when it is invalid.
 */
export function readListOptions(options: ListOptions): ListOptions {
  return readOptions('listRevocations', options, listChecks)
}
