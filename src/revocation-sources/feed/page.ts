/**
 * Parts of a journal as they travel: signed by the publisher, each with its place in the journal.
 *
 * @module
 */

import type { Did } from '../../core/did/did.ts'
import type { DidResolver } from '../../core/did/resolver.ts'
import type { IpldMap, IpldValue } from '../../core/ipld/value.ts'
import type { CryptoBackend } from '../../core/principal/backend/backend.ts'
import type { Signer } from '../../core/principal/signer.ts'
import { entryFromData, entryToData } from '../../core/revocation/entry-form.ts'
import type { RevocationEntry } from '../../core/revocation/revocation-store.ts'
import { ArgumentError } from '../../errors.ts'
import {
  anything,
  arrayOf,
  flag,
  integerFrom,
  nonEmptyString,
  type OptionChecks,
  readOptions,
} from '../../support/options.ts'
import type { Timestamp } from '../../time.ts'
import { type StatementKind, signedTextReader, signText } from '../signed-text.ts'

/** A part of a journal. */
export interface Page {
  readonly publisher: Did
  readonly journal: string
  /** It has the entries whose number is larger than this. */
  readonly after: number
  /** The largest number that it covers. */
  readonly through: number
  /** When it was read from the journal, by the clock of the publisher. */
  readonly time: Timestamp
  /** Whether the journal had no further entries then. */
  readonly complete: boolean
  readonly entries: readonly RevocationEntry[]
}

/** The longest text of a page. */
export const maxPageText = 2_097_152

/** Most bytes of the entries of a page, so that with the largest entry it stays below {@link maxPageText}. */
export const maxEntryBytes = 262_144

/** Most entries of a page. */
export const maxPageEntries = 500

const kind: StatementKind = {
  type: 'procura/revocation-page@1',
  of: 'the page of the feed',
  limits: { bytes: 1_048_576, items: 16_384, stringBytes: 65_536 },
}

/** Signs a page. Returns its text. */
export function signPage(page: Page, signer: Signer, backend: CryptoBackend): Promise<string> {
  return signText({ ...page, entries: page.entries.map(entryToData) }, kind, signer, backend)
}

/** Reads pages of one publisher. */
export type PageReader = (text: string, signal: AbortSignal) => Promise<Page>

/** Makes the reader of the pages of one publisher; see {@link signedTextReader}. */
export function pageReader(publisher: Did, resolver: DidResolver, backend: CryptoBackend): PageReader {
  return signedTextReader(kind, publisher, resolver, backend, (value) => readPage(value, publisher))
}

const pageChecks: OptionChecks<Page> = Object.freeze({
  publisher: nonEmptyString,
  journal: (value: unknown) =>
    typeof value === 'string' && /^[0-9a-f.-]{1,80}$/.test(value) ? undefined : 'must be the name of a journal',
  after: integerFrom(0),
  through: integerFrom(0),
  time: integerFrom(0),
  complete: flag,
  entries: arrayOf(anything),
})

/** @throws ArgumentError when the value is not a page. */
function readPage(value: IpldValue, publisher: Did): Page {
  const page = readOptions('the page', value as IpldMap & Page, pageChecks)
  if (page.publisher !== publisher) throw new ArgumentError('the page names another publisher')
  if (page.through < page.after) throw new ArgumentError('the page ends before it begins')
  return { ...page, entries: page.entries.map((entry) => entryFromData(entry as never)) }
}
