/**
 * A question about revocations, and its signed answer.
 *
 * @module
 */

import type { Did } from '../../core/did/did.ts'
import { parseDid } from '../../core/did/did.ts'
import type { DidResolver } from '../../core/did/resolver.ts'
import type { IpldMap, IpldValue } from '../../core/ipld/value.ts'
import type { CryptoBackend } from '../../core/principal/backend/backend.ts'
import type { Signer } from '../../core/principal/signer.ts'
import { revocationId } from '../../core/revocation/revocation-id.ts'
import type { RevocationRecord } from '../../core/revocation/revocation-store.ts'
import { ArgumentError } from '../../errors.ts'
import {
  arrayOf,
  integerFrom,
  maybe,
  nonEmptyArrayOf,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  readOptions,
} from '../../support/options.ts'
import { type StatementKind, signedTextReader, signText } from '../signed-text.ts'

/** A question: the names of a chain, as `findRevocations` has them. */
export interface Question {
  readonly ids: readonly string[]
  /** Random, so that an answer to another question is not taken for the answer to this one. */
  readonly nonce: string
}

/** The answer to a question. */
export interface Answer {
  readonly publisher: Did
  readonly nonce: string
  /** The age of the data of the publisher, in milliseconds: 0 if it answers from its own data. */
  readonly ageMs: number
  readonly records: readonly RevocationRecord[]
}

/** Most names of a question: more than a chain has. */
const maxIds = 256
const maxIdLength = 256
/** Most records of an answer, each of up to five items of its data. */
const maxRecords = 800

/** The longest text of a question or an answer. */
export const maxLookupText = 131_072

const kind: StatementKind = {
  type: 'procura/revocation-lookup@1',
  of: 'the answer of the revocation look-up',
  limits: { bytes: 98_304, items: 4_096, stringBytes: 2_048 },
}

const nonceCheck: OptionCheck = (value) =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{22,43}$/.test(value) ? undefined : 'must be a nonce'

const idsCheck: OptionCheck = (value) =>
  nonEmptyArrayOf((id) => (typeof id === 'string' && id.length <= maxIdLength ? undefined : 'must be a CID or a DID'))(
    value,
  ) ?? ((value as readonly unknown[]).length <= maxIds ? undefined : `must have at most ${maxIds} names`)

const questionChecks: OptionChecks<Question> = Object.freeze({ ids: idsCheck, nonce: nonceCheck })

/**
 * Reads a question.
 *
 * @throws ArgumentError when it is not one.
 */
export function readQuestion(text: string): Question {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ArgumentError('the question must be JSON', { cause })
  }
  const question = readOptions('the question', value as Question, questionChecks)
  for (const id of question.ids) revocationId(id)
  return question
}

/** Signs an answer. Returns undefined if it is longer than its reader accepts. */
export async function signAnswer(answer: Answer, signer: Signer, backend: CryptoBackend): Promise<string | undefined> {
  if (answer.records.length > maxRecords) return undefined
  const records = answer.records.map(({ id, revoker }) => ({ id, ...(revoker !== undefined && { revoker }) }))
  const text = await signText({ ...answer, records }, kind, signer, backend)
  return text.length <= maxLookupText ? text : undefined
}

const answerChecks: OptionChecks<Answer> = Object.freeze({
  publisher: nonEmptyString,
  nonce: nonceCheck,
  ageMs: integerFrom(0),
  records: arrayOf(objectValue),
})

const recordChecks: OptionChecks<RevocationRecord> = Object.freeze({
  id: nonEmptyString,
  revoker: maybe(nonEmptyString),
})

/** Makes the reader of the answers of one publisher; see {@link signedTextReader}. */
export function answerReader(
  publisher: Did,
  resolver: DidResolver,
  backend: CryptoBackend,
): (text: string, signal: AbortSignal) => Promise<Answer> {
  return signedTextReader(kind, publisher, resolver, backend, (value) => readAnswer(value, publisher))
}

/** @throws ArgumentError when the value is not an answer; MalformedError when a revoker is not a DID. */
function readAnswer(value: IpldValue, publisher: Did): Answer {
  const answer = readOptions('the answer', value as IpldMap & Answer, answerChecks)
  if (answer.publisher !== publisher) throw new ArgumentError('the answer names another publisher')
  const records = answer.records.map((record) => {
    const { id, revoker } = readOptions('a record', record, recordChecks)
    return Object.freeze({ id, ...(revoker !== undefined && { revoker: parseDid(revoker) }) })
  })
  return { ...answer, records: Object.freeze(records) }
}
