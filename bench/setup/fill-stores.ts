/**
 * Fills stores with the entries of a busy service. A million requests would take an hour, so rows are inserted in the
 * form in which the stores keep them. A sample of questions to the stores shows that they find these rows.
 *
 * @module
 */

import { createHmac } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Pool } from 'pg'
import type { AuthorizeOptions } from 'procura'
import { delegationName, limitName } from './delegation-name.ts'

/** The stores that are filled. */
export type FilledStores = Required<Pick<AuthorizeOptions, 'replay' | 'revocations' | 'limitStore'>>

/**
 * The entries of stores: used calls, and a tenth as many revocations and as many limits, each of which was used once.
 */
export interface Filling {
  readonly calls: Names
  readonly revocations: Names
  readonly limits: Names
  /** Of the revocations, the limits and a new call. */
  readonly expiration: number
  /** The expirations of the calls, of which each one arrived later than the one before. */
  endOf(serial: number): number
}

/** The calls arrived evenly within this time before now. */
export const arrivalMinutes = 50

/** Names, and the keyed hashes under which shared stores keep them. */
interface Names {
  readonly count: number
  nameOf(serial: number): string
  /** The hashes from a place on, at most {@link rowsAtOnce}. */
  hashes(from: number): readonly Buffer[]
}

/** Rows of one request. */
const rowsAtOnce = 10_000

/** Returns the entries of a store with so many used calls. */
export function fillingOf(calls: number, secret: Uint8Array, expiration: number): Filling {
  const tenth = Math.ceil(calls / 10)
  const first = expiration - arrivalMinutes * 60
  return {
    calls: namesOf('replay', calls, secret, (serial) => callName(`filled${serial}`)),
    revocations: namesOf('revocation', tenth, secret, (serial) => delegationName(2 ** 40 + serial)),
    limits: namesOf('limit', tenth, secret, limitName),
    expiration,
    endOf: (serial) => first + Math.floor((serial / calls) * arrivalMinutes * 60),
  }
}

/** A name in the form of a hash, which the store in memory keeps in fewer bytes than other names. */
export function callName(text: string): string {
  return `${text}_`.padEnd(43, 'abcdefghijklmnopqrstuvwxyz')
}

function namesOf(kind: string, count: number, secret: Uint8Array, nameOf: Names['nameOf']): Names {
  const hashOf = (serial: number): Buffer =>
    createHmac('sha256', secret)
      .update(`${kind}\0${nameOf(serial)}`)
      .digest()
      .subarray(0, 16)
  return {
    count,
    nameOf,
    hashes: (from) =>
      Array.from({ length: Math.max(0, Math.min(rowsAtOnce, count - from)) }, (_, at) => hashOf(from + at)),
  }
}

/** The parts of a list of names. */
function* partsOf({ count, hashes }: Names): Generator<readonly Buffer[]> {
  for (let from = 0; from < count; from += rowsAtOnce) yield hashes(from)
}

/** The parts of the calls: each call with its expiration. */
function* partsOfCalls({ calls, endOf }: Filling): Generator<readonly (readonly [hash: Buffer, end: number])[]> {
  let serial = 0
  for (const hashes of partsOf(calls)) yield hashes.map((hash) => [hash, endOf(serial++)])
}

/** Fills stores in memory, through the stores. */
export async function fillMemory({ replay, revocations, limitStore }: FilledStores, filling: Filling): Promise<void> {
  if (!('add' in revocations) || typeof revocations.add !== 'function') throw new Error('revocations cannot be added')
  const { calls, limits, expiration, endOf } = filling
  for (let serial = 0; serial < calls.count; serial++) void replay.claim(calls.nameOf(serial), endOf(serial), {})
  for (let serial = 0; serial < filling.revocations.count; serial++)
    await revocations.add({ ids: [filling.revocations.nameOf(serial)], expiration })
  for (let serial = 0; serial < limits.count; serial++) await limitStore.reserve(useOf(filling, serial), {})
}

/** A SQLite database by its shape. */
export interface FilledDatabase {
  exec(sql: string): unknown
}

/** Fills the tables of a SQLite database. The connection is for nothing else, since it gets a large cache. */
export function fillSqlite(database: FilledDatabase, filling: Filling): void {
  const { revocations, limits, expiration } = filling
  const row = (hash: Buffer, rest: string): string => `(x'${hash.toString('hex')}'${rest})`
  const fill = (table: string, names: Names, rest: string): void => {
    for (const hashes of partsOf(names))
      database.exec(`INSERT INTO ${table} VALUES ${hashes.map((hash) => row(hash, rest)).join()}`)
  }
  database.exec('PRAGMA cache_size = -262144; BEGIN')
  for (const part of partsOfCalls(filling))
    database.exec(`INSERT INTO procura_calls VALUES ${part.map(([hash, end]) => row(hash, `, ${end}`)).join()}`)
  fill('procura_revocations', revocations, `, x'', ${expiration + 300}`)
  fill('procura_limits', limits, `, 1, ${expiration}`)
  database.exec('COMMIT')
}

/** Fills the keys of stores in Redis. */
export async function fillRedis(client: Redis, prefix: string, filling: Filling): Promise<void> {
  const { revocations, limits, expiration } = filling
  const key = (kind: string): string => `{${prefix}}:${kind}`
  for (const part of partsOfCalls(filling))
    await client.zadd(key('calls'), ...part.flatMap(([hash, end]) => [end, hash.toString('hex')]))
  for (const hashes of partsOf(revocations)) {
    const adding = client.pipeline()
    for (const hash of hashes) adding.hset(`${key('revoked')}:${hash.toString('hex')}`, '', expiration + 300)
    adding.zadd(key('ends'), ...hashes.flatMap((hash) => [expiration + 300, hash.toString('hex')]))
    await adding.exec()
  }
  for (const hashes of partsOf(limits)) {
    await client.hset(key('limits'), ...hashes.flatMap((hash) => [`used:${hash.toString('hex')}`, 1]))
    await client.zadd(key('limit-ends'), ...hashes.flatMap((hash) => [expiration, hash.toString('hex')]))
  }
}

/** Fills the tables of stores in PostgreSQL, and lets the server finish its own work on them. */
export async function fillPostgres(pool: Pool, prefix: string, filling: Filling): Promise<void> {
  const { revocations, limits, expiration } = filling
  const fill = async (table: string, names: Names, columns: string, rest: string): Promise<void> => {
    for (const hashes of partsOf(names))
      await pool.query(
        `INSERT INTO ${prefix}_${table} (${columns}) SELECT decode(hash, 'hex'), ${rest}
         FROM unnest(string_to_array($1, ',')) AS given (hash)`,
        [hashes.map((hash) => hash.toString('hex')).join()],
      )
    await pool.query(`VACUUM ANALYZE ${prefix}_${table}`)
  }
  for (const part of partsOfCalls(filling))
    await pool.query(
      `INSERT INTO ${prefix}_calls (key, expiration) SELECT decode(hash, 'hex'), ends
       FROM unnest(string_to_array($1, ','), string_to_array($2, ',')::float8[]) AS given (hash, ends)`,
      [part.map(([hash]) => hash.toString('hex')).join(), part.map(([, end]) => end).join()],
    )
  await pool.query(`VACUUM ANALYZE ${prefix}_calls`)
  await fill('revocations', revocations, 'id, revoker, until', `'', ${expiration + 300}`)
  await fill('limits', limits, 'key, used, expiration', `1, ${expiration}`)
  await pool.query('CHECKPOINT')
}

/**
 * Asks about a sample of the entries.
 *
 * @throws Error when a store does not know one of them.
 */
export async function assertFilled(stores: FilledStores, filling: Filling): Promise<void> {
  const { calls, revocations, limits, endOf } = filling
  for (const serial of sampleOf(calls))
    if (await stores.replay.claim(calls.nameOf(serial), endOf(serial), {})) throw new Error('a used call is unknown')
  for (const serial of sampleOf(revocations)) {
    const found = await stores.revocations.findRevocations([revocations.nameOf(serial)], {})
    if (found.length !== 1) throw new Error('a revocation is unknown')
  }
  for (const serial of sampleOf(limits)) {
    const [state] = await stores.limitStore.remaining(useOf(filling, serial).entries, {})
    if (state?.remaining !== 9) throw new Error('the use of a limit is unknown')
  }
}

/** Some places, the first and the last one among them. */
function sampleOf({ count }: Names): readonly number[] {
  return count === 0 ? [] : Array.from({ length: 20 }, (_, at) => Math.floor((at * (count - 1)) / 19))
}

/** One use of a limit of ten. */
function useOf({ limits, expiration }: Filling, serial: number): Parameters<FilledStores['limitStore']['reserve']>[0] {
  const entry = { key: limits.nameOf(serial), kind: 'total', maximum: 10, amount: 1, expiration } as const
  return { reservation: `filled ${serial}`, entries: [entry], deadline: expiration, commit: true }
}
