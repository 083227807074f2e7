// node only: HMAC

import type { CallAnswer, CallQuestion, CallStore } from '../../core/authorization/call-store.ts'
import { type Clock, secondsOf } from '../../time.ts'
import { askAtEpoch, callStoreOf } from '../call-store-of.ts'
import { type EpochOptions, expiredCall } from '../epoch.ts'
import type { KnownEpoch } from '../known-epoch.ts'
import { namedRequest } from '../limit-entries.ts'
import { assertNotForgotten, queryFor, type RevocationQuery, type RevocationRow } from '../revocation-rows.ts'
import { fulfilled, rejected, settle } from '../settled.ts'
import type { SharedStores } from '../shared-stores.ts'
import { callFunctionOf } from './call-function.ts'
import { onDisk, otherForm, type PostgresConnection, type Row } from './connection.ts'
import { answerOf, toJson } from './limit-store.ts'

/** A question that waits for its statement. */
interface Waiting {
  readonly question: CallQuestion
  readonly query: RevocationQuery
  readonly call: string
  /** The epoch with which the claim was compared. The statement does not claim the call at another one. */
  readonly epoch: number
}

/** Asks the stores of a connection in one request. Questions that wait share a statement. */
export function callStore(
  { names, tables, batched, ask }: PostgresConnection,
  stores: SharedStores,
  epoch: KnownEpoch<number>,
  settings: Required<EpochOptions> & { readonly clock: Clock },
): CallStore {
  const text = `SELECT fingerprint, ${onDisk}, CASE WHEN fingerprint = $1
    THEN ${callFunctionOf(tables)}($2::jsonb, $3::float8)::text END AS answers FROM ${tables.meta}`

  /** Returns the answers, or nothing where the epoch was another one. */
  async function askAll(all: readonly Waiting[]): Promise<readonly (CallAnswer | undefined)[]> {
    const now = secondsOf(settings.clock)
    const questions = all.map(({ question: { claim, limits }, query, call, epoch: known }) => ({
      ...query,
      call,
      epoch: known,
      expiration: String(claim.expiration),
      // A reservation whose deadline has passed is left to its store, which rejects it.
      ...(limits !== undefined && limits.deadline > now && { limits: toJson(namedRequest(limits, now, names)) }),
    }))
    const [row] = await ask(text, [names.fingerprint, JSON.stringify(questions), String(now)])
    const answers = readAnswers(row)
    epoch.correct(answers.epoch)
    return Promise.all(
      all.map(async ({ question: { limits }, query, call, epoch: known }, place): Promise<CallAnswer | undefined> => {
        const rows = answers.found.filter((row) => row.place === place)
        const revocations = await settle(() => {
          assertNotForgotten(answers.forgotten, now)
          return query.recordsOf(rows)
        })
        if (rows.length > 0 || revocations.status === 'rejected') return { revocations }
        if (answers.epoch !== known) return undefined
        if (!answers.first.includes(place)) {
          const isKnown = answers.calls.includes(call)
          return { revocations, claim: isKnown ? fulfilled(false) : rejected(expiredCall()) }
        }
        const at = answers.limited.indexOf(place)
        if (limits === undefined || at < 0) return { revocations, claim: fulfilled(true) }
        return {
          revocations,
          claim: fulfilled(true),
          limits: await settle(() => answerOf(answers.reserved[at], limits.entries)),
        }
      }),
    )
  }

  const askInBatch = batched(askAll)

  const askOnce = (
    question: CallQuestion,
    known: number,
    signal: AbortSignal | undefined,
  ): ReturnType<typeof askInBatch> =>
    askInBatch(
      {
        question,
        query: queryFor(question.ids, names),
        call: names.hex('replay', question.claim.key),
        epoch: known,
      },
      signal,
    )

  return callStoreOf(stores, askAtEpoch(stores, epoch, settings, askOnce))
}

/** The answers of a statement. */
interface Answers {
  readonly epoch: number
  readonly forgotten: number
  readonly found: readonly (RevocationRow & { readonly place: number })[]
  /** The places of the questions whose claim was the first one. */
  readonly first: readonly unknown[]
  /** Those of them with limits, and the answers to these. */
  readonly limited: readonly unknown[]
  readonly reserved: readonly unknown[]
  /** The calls that were claimed, now or before. */
  readonly calls: readonly unknown[]
}

/** @throws StoreError when the row has another form. */
function readAnswers({ answers }: Row): Answers {
  let found: unknown
  try {
    found = JSON.parse(String(answers))
  } catch {
    throw otherForm()
  }
  const { epoch, forgotten, ...lists } = Object(found) as Row
  if (typeof epoch !== 'number' || typeof forgotten !== 'number') throw otherForm()
  const list = (name: string): readonly unknown[] => {
    const value = lists[name] ?? []
    if (!Array.isArray(value)) throw otherForm()
    return value
  }
  const limited = list('limited')
  const reserved = list('reserved')
  if (limited.length !== reserved.length) throw otherForm()
  return {
    epoch,
    forgotten,
    found: list('found').map((row) => {
      const [place, id, revoker] = Array.isArray(row) ? (row as readonly unknown[]) : []
      if (typeof place !== 'number' || typeof id !== 'string' || typeof revoker !== 'string') throw otherForm()
      return { place, id, revoker }
    }),
    first: list('first'),
    limited,
    reserved,
    calls: [...list('calls'), ...list('known')],
  }
}
