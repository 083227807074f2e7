import type { AuthorizeOptions } from 'procura'

/** Stores whose size is measured. */
export interface SizedStores extends Required<Pick<AuthorizeOptions, 'replay' | 'revocations'>> {
  /**
   * Adds used calls, as the store keeps them. Databases make the rows themselves: through the store it would take
   * hours, and the rows are the same.
   */
  fillCalls(count: number, expiration: number): Promise<void>
  /** Adds revocations without an end. Absent where they cannot be added fast enough. */
  fillRevocations?(count: number): Promise<void>
  /** Bytes in memory or on disk. */
  bytes(): Promise<number>
  /** Forgets the expired calls. */
  prune?(): Promise<void>
  close(): Promise<void>
}

/** Opens stores in a folder, for a number of used calls. Undefined if their server is not installed. */
export type OpenSizedStores = (folder: string, entries: number) => Promise<SizedStores | undefined>
