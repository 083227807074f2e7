/**
 * Parts of a journal as they travel: signed by the publisher, each with its place in the journal.
 *
 * @module
 */

import type { Did } from '../../did/did.ts'
import { type DidResolver, readKeys } from '../../did/resolver.ts'
import { ArgumentError, MalformedError, StoreError } from '../../errors.ts'
import { decodeBase64url, encodeBase64url } from '../../ipld/base.ts'
import { decodeCbor } from '../../ipld/decode.ts'
import { encodeCbor } from '../../ipld/encode.ts'
import type { IpldMap, IpldValue } from '../../ipld/value.ts'
import type { CryptoBackend } from '../../principal/backend/backend.ts'
import { signWith } from '../../principal/checked-signature.ts'
import { verifySignature } from '../../principal/signature.ts'
import type { Signer } from '../../principal/signer.ts'
import { entryFromData, entryToData } from '../../revocation/entry-form.ts'
import type { RevocationEntry } from '../../revocation/revocation-store.ts'
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

const limits = { bytes: 1_048_576, items: 16_384, stringBytes: 65_536 }

/** The type of the signed statement, so that no other one can be taken for it. */
const statement = 'procura/revocation-page@1'
const maxKeys = 8

/** Signs a page. Returns its text: the page and the signature in base64url, with a dot between them. */
export async function signPage(
  page: Page,
  signer: Signer,
  backend: CryptoBackend,
  signal?: AbortSignal,
): Promise<string> {
  const bytes = encodeCbor({ ...page, entries: page.entries.map(entryToData) }, 'page', {
    depth: 8,
    items: limits.items,
  })
  const signature = await signWith(signer, await signedBytes(bytes, backend), signal)
  return `${encodeBase64url(bytes)}.${encodeBase64url(signature)}`
}

/** The statement contains the hash of the page, so that a signer with short messages can sign it. */
async function signedBytes(page: Uint8Array, backend: CryptoBackend): Promise<Uint8Array> {
  return encodeCbor([statement, await backend.sha256(page)])
}

/** Reads pages of one publisher. */
export type PageReader = (text: string, signal: AbortSignal) => Promise<Page>

/**
 * Makes the reader of the pages of one publisher.
 *
 * @returns a function that rejects with a StoreError for a page that the publisher did not sign, or that is malformed.
 */
export function pageReader(publisher: Did, resolver: DidResolver, backend: CryptoBackend): PageReader {
  async function isSigned(bytes: Uint8Array, signature: Uint8Array, signal: AbortSignal): Promise<boolean> {
    const message = await signedBytes(bytes, backend)
    const keys = readKeys(publisher, await resolver.resolve(publisher, { signal }))
    for (const key of keys.slice(0, maxKeys)) {
      if (await verifySignature(backend, key, await backend.prepareKey(key), signature, message)) return true
    }
    return false
  }

  return async (text, signal) => {
    try {
      const [body = '', signature = '', ...more] = text.split('.', 3)
      if (more.length > 0) throw new StoreError('the page of the feed has more than two parts')
      const bytes = decodeBase64url(body, limits.bytes)
      // RVK-25: nothing of the page is read before its signature is verified.
      if (!(await isSigned(bytes, decodeBase64url(signature, 64), signal))) {
        throw new StoreError(`the page of the feed is not signed by ${publisher}`)
      }
      return readPage(decodeCbor(bytes, limits), publisher)
    } catch (cause) {
      if (!(cause instanceof MalformedError || cause instanceof ArgumentError)) throw cause
      throw new StoreError(`the page of the feed is malformed: ${cause.message}`, { cause })
    }
  }
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
