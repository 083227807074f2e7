// node only: HMAC

import { StoreError } from '../../errors.ts'
import {
  type DefaultCheck,
  integerFrom,
  milliseconds,
  nonEmptyString,
  type OptionCheck,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { type Ask, inBatches } from '../batches.ts'
import { type KeyedNames, keyedNames, type StoreSecret, storeSecretCheck } from '../keyed-names.ts'
import { assertPrefix } from '../prefix.ts'
import { watchSilence } from '../silence.ts'
import { type Tables, tablesOf } from '../tables.ts'
import { isPool } from './connection-pool.ts'
import { poolRunner } from './pool-runner.ts'

/** Runs single statements: a `Pool` of `pg`, also behind a pooler in transaction mode. */
export interface PostgresStoreClient {
  query(text: string, values: readonly string[]): Promise<{ readonly rows: readonly unknown[] }>
}

/** How a store uses PostgreSQL. */
export interface PostgresConnectionOptions {
  /**
   * A pool of connections. Its owner ends it, and gives it a `connectionTimeoutMillis`. The store closes connections
   * that do not answer.
   */
  readonly client: PostgresStoreClient
  /** The secret with which `preparePostgresStores` prepared the stores. */
  readonly secret: StoreSecret
  /** The beginning of the names of the tables. Default `procura`. */
  readonly prefix?: string
  /** How long an answer may take, in milliseconds. Default 2,000. */
  readonly timeoutMs?: number
  /** Most requests of one statement. Default 500. */
  readonly maxBatch?: number
}

/** The checks of {@link PostgresConnectionOptions}. */
export const connectionChecks: {
  readonly client: OptionCheck
  readonly secret: OptionCheck
  readonly prefix: DefaultCheck
  readonly timeoutMs: DefaultCheck
  readonly maxBatch: DefaultCheck
} = Object.freeze({
  client: withMethod('query'),
  secret: storeSecretCheck,
  prefix: withDefault(nonEmptyString, 'procura'),
  timeoutMs: withDefault(milliseconds, 2000),
  maxBatch: withDefault(integerFrom(1), 500),
})

/** A row of an answer. */
export type Row = Readonly<Record<string, unknown>>

/** Stores in PostgreSQL, before anything is asked of them. */
export interface PostgresConnection {
  readonly names: KeyedNames
  readonly tables: Tables
  /**
   * Makes requests share statements. A statement that waits while the server is silent does not delay the next ones.
   */
  batched<Item, Answer>(run: (items: readonly Item[]) => Promise<readonly Answer[]>): Ask<Item, Answer>
  /**
   * Runs one statement.
   *
   * @throws StoreError when the server does not answer in time, or refuses the statement.
   */
  query(text: string, values?: readonly string[]): Promise<readonly Row[]>
  /**
   * Runs a statement whose rows have the `fingerprint` of the stores, and returns its rows.
   *
   * @throws StoreError also when the stores were not prepared, lost their data or have another secret.
   */
  ask(text: string, values: readonly string[]): Promise<readonly [Row, ...Row[]]>
}

/** After this silence, connections that are not in use are closed: they may be dead, too. */
const silentMs = 500

/**
 * Opens the stores. Nothing is sent yet.
 *
 * @throws ArgumentError when the prefix is invalid.
 */
export function openConnection(options: Required<PostgresConnectionOptions>): PostgresConnection {
  const { client, secret, prefix, timeoutMs, maxBatch } = options
  assertPrefix(prefix)
  const names = keyedNames(secret)
  const pool = isPool(client) ? poolRunner(client) : undefined
  const silenceListeners = new Set<() => void>()
  const silence = watchSilence({
    limitMs: Math.min(silentMs, timeoutMs / 2),
    mostMs: timeoutMs,
    connection: () => client,
    onSilence() {
      pool?.closeIdle()
      for (const listener of silenceListeners) listener()
    },
  })
  const query: PostgresConnection['query'] = async (text, values = []) => {
    const timing = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new Error(`timed out after ${timeoutMs} ms`)
        reject(error)
        timing.abort(error)
      }, timeoutMs)
    })
    const ended = silence.sent()
    try {
      const answer = pool === undefined ? client.query(text, values) : pool.run(text, values, timing.signal)
      const result = await Promise.race([answer, late])
      if (!Array.isArray(result?.rows)) throw new Error('the answer has no rows')
      return result.rows as readonly Row[]
    } catch (cause) {
      if (isUndefined(cause)) throw unprepared(cause)
      throw new StoreError('PostgreSQL did not answer; `cause` has the reason', { cause })
    } finally {
      clearTimeout(timer)
      ended(!timing.signal.aborted)
    }
  }
  return {
    names,
    tables: tablesOf(prefix),
    batched: (run) => inBatches(run, maxBatch, (listener) => silenceListeners.add(listener)),
    query,
    async ask(text, values) {
      const [first, ...rest] = await query(text, values)
      if (first === undefined || first === null) throw unprepared()
      if (first['fingerprint'] !== names.fingerprint) throw otherSecret()
      return [first, ...rest]
    },
  }
}

/**
 * A column of a statement that writes: it is on disk before it is answered, also where `synchronous_commit` is off. The
 * setting ends with the transaction, which is the statement.
 */
export const onDisk = `CASE current_setting('synchronous_commit')
  WHEN 'off' THEN set_config('synchronous_commit', 'local', true) END AS on_disk`

/**
 * The time before which entries may be forgotten: the earlier one by the clocks of the service, which is $1, and of the
 * server. In whole seconds, which a server does not round when it sends them.
 */
export const forgettable = `least($1::float8, floor(extract(epoch FROM now()))::float8 - 300)`

/** Whether the server does not know a table, a column or a function: it is new, or was not upgraded. */
function isUndefined(cause: unknown): boolean {
  const { code } = Object(cause) as { readonly code?: unknown }
  return code === '42P01' || code === '42703' || code === '42883'
}

/** The error of an answer that no statement gives. */
export function otherForm(): StoreError {
  return new StoreError('PostgreSQL returned a malformed answer')
}

/** The error of tables that are missing or empty: they may have lost revocations. */
function unprepared(cause?: unknown): StoreError {
  return new StoreError(
    'the database has no data of the stores; if it is new or was upgraded, run `postgresStoreSchema()` and call `preparePostgresStores`; if its ' +
      'data was lost, do that and add the revocations again',
    { cause },
  )
}

/** The error of stores that were prepared with another secret. */
export function otherSecret(): StoreError {
  return new StoreError('the stores were prepared with another `secret`')
}
