import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../packages/cli/test/cli/run-cli.ts'
import type { LimitRequest } from '../../src/core/authorization/limits/limit-store.ts'
import { generateSigner } from '../../src/core/principal/generate-signer.ts'
import { StoreError } from '../../src/errors.ts'
import { keyedNames } from '../../src/stores/keyed-names.ts'
import type { PostgresStoreClient } from '../../src/stores/postgres/connection.ts'
import { postgresPersonalKeyStore } from '../../src/stores/postgres/postgres-personal-key-store.ts'
import { postgresProcessedSets } from '../../src/stores/postgres/postgres-processed-sets.ts'
import { postgresStores } from '../../src/stores/postgres/postgres-stores.ts'
import { preparePostgresStores } from '../../src/stores/postgres/prepare-postgres-stores.ts'
import { postgresStoreSchema } from '../../src/stores/postgres/schema.ts'
import type { ServerStores, SharedStores } from '../../src/stores/shared-stores.ts'
import type { ConformanceCase, OpenedStore, StoreFault } from '../../src/testing/conformance-case.ts'
import { limitStoreCases } from '../../src/testing/limit-store-cases.ts'
import { personalKeyStoreCases } from '../../src/testing/personal-key-store-cases.ts'
import { processedSetsCases } from '../../src/testing/processed-sets-cases.ts'
import { replayStoreCases } from '../../src/testing/replay-store-cases.ts'
import { revocationJournalCases } from '../../src/testing/revocation-journal-cases.ts'
import { revocationStoreCases } from '../../src/testing/revocation-store-cases.ts'
import type { Clock } from '../../src/time.ts'
import { expectFewEnded, longAgo, past, pastClock, rateOf, useLimits } from '../stores/expired-limits.ts'
import {
  cid,
  expectCommitsOnce,
  expectForgottenUntilEpoch,
  expectOwnPruning,
  limitRequest,
  soon,
} from '../stores/store-requests.ts'
import { throughCallStore } from '../stores/through-call-store.ts'
import { postgresServer } from './postgres-server.ts'

const address = process.env['PROCURA_POSTGRES'] ?? ''
const secret = new Uint8Array(32).fill(7)
const role = 'store_service'
const owned = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'

let owner: Pool

beforeAll(async () => {
  owner = new Pool({ connectionString: address, max: 2 })
  await owner.query(`CREATE ROLE ${role} LOGIN`)
})
afterAll(() => owner.end())

let stores = 0

/** Stores with tables of their own, each handle with a pool of the role of the service. */
async function openStore<Store>(
  clock: Clock,
  open: (options: { client: PostgresStoreClient; prefix: string; secret: Uint8Array; timeoutMs: number }) => Store,
): Promise<OpenedStore<Store>> {
  stores += 1
  const prefix = `test_${stores}`
  const pools: Pool[] = []
  const next = () => {
    const pool = new Pool({ connectionString: address.replace('postgres@', `${role}@`), max: 2 })
    pool.on('error', () => undefined)
    pools.push(pool)
    // A busy machine needs longer than the default.
    return { client: pool, prefix, secret, timeoutMs: 8_000 }
  }
  await owner.query(postgresStoreSchema({ prefix, role }))
  await preparePostgresStores({ ...next(), epoch: 0 })
  const store = open(next())
  const { prune } = Object(store) as { prune?(): Promise<void> }
  return {
    store,
    prune: async () => prune?.(),
    another: async () => open(next()),
    async interrupt() {
      await owner.query(`ALTER ROLE ${role} NOLOGIN`)
      await owner.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [role])
    },
    async restore() {
      await owner.query(`ALTER ROLE ${role} LOGIN`)
    },
    async erase() {
      await owner.query(`TRUNCATE ${prefix}_stores, ${prefix}_calls, ${prefix}_revocations`)
    },
    prepareAgain: () => preparePostgresStores({ ...next(), clock }),
    async close() {
      await Promise.all(pools.map((pool) => pool.end()))
    },
  }
}

/** How the cases are run. */
interface CaseOptions {
  readonly without: readonly StoreFault[]
  readonly start?: number
}

/** The cases of the three stores of a decision. */
function decisionCases(options: CaseOptions, kind: (stores: ServerStores) => SharedStores): readonly ConformanceCase[] {
  const open = <Name extends keyof SharedStores>(name: Name, clock: Clock) =>
    openStore(clock, (given) => kind(postgresStores({ ...given, clock }))[name])
  return [
    ...replayStoreCases(({ clock }) => open('replay', clock), options),
    ...revocationStoreCases(({ clock }) => open('revocations', clock), options),
    ...limitStoreCases(({ clock }) => open('limitStore', clock), options),
  ]
}

/** The cases of all stores. */
function casesOf(options: CaseOptions): readonly ConformanceCase[] {
  return [
    ...decisionCases(options, (stores) => stores),
    ...revocationJournalCases(
      ({ clock }) => openStore(clock, (given) => postgresStores({ ...given, clock }).revocations),
      options,
    ),
    ...personalKeyStoreCases(({ clock }) => openStore(clock, (given) => postgresPersonalKeyStore(given)), {
      ...options,
      without: ['erase', ...options.without],
    }),
    ...processedSetsCases(
      ({ clock }) => openStore(clock, (given) => postgresProcessedSets({ ...given, clock })),
      options,
    ),
  ]
}

describe('stores in PostgreSQL, by a clock at which the server lets them forget', () => {
  const options = { without: ['interrupt', 'erase'], start: longAgo } as const
  describe('STO-06 one after the other', () => {
    for (const { name, run } of casesOf(options)) it(name, run)
  })
  describe('STO-11 asked together', () => {
    for (const { name, run } of decisionCases(options, throughCallStore)) it(name, run)
  })
})

describe('STO-06 stores in PostgreSQL', () => {
  for (const { name, run } of casesOf({ without: [] })) it(name, run)

  it('CLI-16 are prepared by `procura store prepare`, for a role that has no right on the schema', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'procura-prepare-'))
    const file = join(folder, 'store.key')
    expect((await runCli(['vault', 'new-key', '--key-file', file])).code).toBe(0)
    const env = { PROCURA_STORE_URL: address }
    const words = ['store', 'prepare', '--postgres', '--prefix', 'cli', '--role', role]
    const prepare = (...more: string[]) => runCli([...words, ...more], '', env)
    expect(await prepare('--secret-file', file, '--new-service')).toEqual({
      code: 0,
      out: 'prepared the stores cli',
      err: '',
    })
    const pool = new Pool({ connectionString: address.replace('postgres@', `${role}@`), max: 2 })
    const options = { client: pool, prefix: 'cli', timeoutMs: 20_000 }
    const { replay } = postgresStores({ ...options, secret: readFileSync(file) })
    expect(await replay.claim('a', soon(), { acceptedFrom: soon() - 400 })).toBe(true)
    expect(await replay.claim('a', soon(), { acceptedFrom: soon() - 400 })).toBe(false)
    // Again after an upgrade: the claim is still there. The secret can be in the environment.
    const inText = { ...env, PROCURA_STORE_SECRET: readFileSync(file).toString('base64') }
    expect((await runCli(words, '', inText)).code).toBe(0)
    expect(await replay.claim('a', soon(), { acceptedFrom: soon() - 400 })).toBe(false)
    // After a loss: calls that may have been accepted before are refused.
    expect((await prepare('--secret-file', file, '--epoch', 'now')).code).toBe(0)
    const after = postgresStores({ ...options, secret: readFileSync(file) })
    await expect(after.replay.claim('b', soon(), { acceptedFrom: soon() - 400 })).rejects.toThrow('accepted before')
    await pool.end()

    const other = join(folder, 'other.key')
    await runCli(['vault', 'new-key', '--key-file', other])
    const short = join(folder, 'short.key')
    writeFileSync(short, 'short', { mode: 0o600 })
    const mistakes = [
      [await prepare('--secret-file', other), /another secret; pass that one in --secret-file/],
      [await prepare('--secret-file', short), /fewer than 32 bytes.*procura vault new-key/],
      [await prepare('--secret-file', join(folder, 'none')), /does not exist; make one with/],
      [await prepare(), /--secret-file, or PROCURA_STORE_SECRET in base64/],
      [await runCli(words, '', { ...env, PROCURA_STORE_SECRET: 'c2hvcnQ=' }), /32 bytes or more in base64/],
      [
        await prepare('--secret-file', file, '--epoch', 'now', '--new-service'),
        /pass --new-service or --epoch, not both/,
      ],
      [await runCli([...words, '--secret-file', file]), /PROCURA_STORE_URL, or in the file of --url-file/],
      [
        await runCli(['store', 'prepare', '--secret-file', file], '', env),
        /the kind of the database is missing: --postgres, or --sqlite/,
      ],
      [await runCli([...words, address, '--secret-file', file], '', env), /too many words/],
    ] as const
    for (const [{ code, out, err }, message] of mistakes)
      expect([code, out, err]).toEqual([2, '', expect.stringMatching(message)])
    for (const url of [
      address.replace('postgres@', `${role}:canary-password@`),
      address.replace('@', ':canary-password@').replace(/:[0-9]+\//, ':1/'),
      // With these characters in a password, a part of it is the name of the host.
      'postgres://mail:abc@canary-password@127.0.0.1:1/',
      'postgres://canary-password',
      'postgres://mail:canary-password#@127.0.0.1/mail',
    ]) {
      const { code, err } = await runCli([...words, '--secret-file', file], '', { PROCURA_STORE_URL: url })
      expect(code).toBe(2)
      expect(err).toMatch(/cannot be reached at the given address: .|were not made: .*connect as their owner/)
      expect(err).not.toContain('canary')
    }
    expect((await prepare('--sql')).out).toBe(postgresStoreSchema({ prefix: 'cli', role }).trim())
    rmSync(folder, { recursive: true })
  })

  it('CLI-16 are prepared by several processes at the same time, which all succeed', async () => {
    const env = { PROCURA_STORE_URL: address, PROCURA_STORE_SECRET: Buffer.from(secret).toString('base64') }
    // PostgreSQL fails most of them, also with IF NOT EXISTS: without tables, and when they are made again.
    for (const turn of [1, 2]) {
      const words = ['store', 'prepare', '--postgres', '--prefix', 'at_once', '--role', role]
      const done = await Promise.all(Array.from({ length: 8 }, () => runCli(words, '', env)))
      const err = expect.stringContaining('--epoch now')
      const prepared = { code: 0, out: 'prepared the stores at_once', err }
      expect(done, `turn ${turn}`).toEqual(Array(8).fill(prepared))
    }
  })

  it('CLI-22 CLI-24 take the revocations of `procura store revoke`, from the role of the service, which lists them', async () => {
    const env = { PROCURA_STORE_URL: address, PROCURA_STORE_SECRET: Buffer.from(secret).toString('base64') }
    const prepare = ['store', 'prepare', '--postgres', '--prefix', 'revoked', '--role', role, '--new-service']
    expect((await runCli(prepare, '', env)).code).toBe(0)
    const { did } = await generateSigner()
    const asRole = { ...env, PROCURA_STORE_URL: address.replace('postgres@', `${role}@`) }
    const revoke = (...words: string[]) => runCli(['store', 'revoke', '--postgres', ...words], '', asRole)
    expect(await revoke(did, '--prefix', 'revoked')).toMatchObject({ code: 0, out: `revoked ${did}` })
    const { revocations } = postgresStores({ client: owner, secret, prefix: 'revoked', timeoutMs: 20_000 })
    expect(await revocations.findRevocations([did], {})).toEqual([{ id: did }])
    const list = ['store', 'revocations', '--postgres', '--json', '--prefix']
    const listed = await runCli([...list, 'revoked'], '', asRole)
    expect(listed).toEqual({ code: 0, out: JSON.stringify({ id: did, expiration: null }), err: '' })
    const missing = await runCli([...list, 'other'], '', asRole)
    expect([missing.code, missing.out]).toEqual([2, ''])
    expect(missing.err).toMatch(
      /the revocations cannot be read: relation "other_\w+" does not exist; .* their --prefix/,
    )
    const other = await revoke(did, '--prefix', 'other')
    expect([other.code, other.out]).toEqual([2, ''])
    expect(other.err).toMatch(/the revocation is not confirmed: relation "other_\w+" does not exist; .* their --prefix/)
  })

  it('are refused with another secret, and without tables', async () => {
    const other = new Uint8Array(32)
    await owner.query(postgresStoreSchema({ prefix: 'secrets' }))
    const given = { client: owner, prefix: 'secrets', timeoutMs: 20_000 }
    await preparePostgresStores({ ...given, secret })
    await expect(preparePostgresStores({ ...given, secret: other })).rejects.toThrow('another `secret`')
    const { replay, revocations, limitStore } = postgresStores({ ...given, secret: other })
    await expect(replay.claim('a', 1, {})).rejects.toThrow('another `secret`')
    await expect(revocations.findRevocations([], {})).rejects.toThrow('another `secret`')
    await expect(limitStore.reserve(limitRequest('a'), {})).rejects.toThrow('another `secret`')
    await expect(limitStore.commit('a', {})).rejects.toThrow('another `secret`')
    expect((await owner.query('SELECT count(*)::int AS count FROM secrets_limits')).rows).toEqual([{ count: 0 }])
    const none = postgresStores({ ...given, secret, prefix: 'none' })
    await expect(none.replay.claim('a', 1, {})).rejects.toThrow('run `postgresStoreSchema()`')
    await expect(none.revocations.findRevocations([], {})).rejects.toThrow('run `postgresStoreSchema()`')
    await expect(none.limitStore.reserve(limitRequest('a'), {})).rejects.toThrow('run `postgresStoreSchema()`')
  })

  /** Tables of their own, and a pool of the owner. */
  async function open(prefix: string, epoch = 0) {
    await owner.query(postgresStoreSchema({ prefix }))
    const settings = { client: owner, secret, prefix, timeoutMs: 20_000 }
    await preparePostgresStores({ ...settings, epoch })
    return settings
  }

  it('STO-02 forget and write nothing with another secret, or after their row was lost', async () => {
    const settings = await open('owned')
    const ended = soon() - 3600
    const ago = { ...settings, clock: { now: () => ended - 10 } }
    const { replay, revocations, limitStore } = postgresStores(ago)
    await replay.claim('a', ended, {})
    await revocations.add({ ids: [cid], expiration: ended })
    const entries = [{ key: 'a', kind: 'total', maximum: 3, amount: 1, expiration: ended }] as const
    await limitStore.reserve(limitRequest('a', { entries, deadline: ended, commit: false }), {})
    await postgresProcessedSets(ago).add('a', ended)
    const tables = [
      'calls',
      'revocations',
      'revocation_journal',
      'limits',
      'limit_holds',
      'processed_sets',
      'personal_keys',
    ]
    const rows = async (): Promise<unknown> => {
      const counts = tables.map((table) => `(SELECT count(*)::int FROM owned_${table}) AS ${table}`)
      return (await owner.query(`SELECT ${counts.join(', ')}`)).rows[0]
    }
    const before = await rows()
    const expectRefusals = async (given: typeof settings, message: string): Promise<void> => {
      const stores = postgresStores(given)
      const others = [stores.revocations, stores.limitStore, postgresProcessedSets(given)]
      for (const store of [stores.replay, ...others]) await expect(store.prune()).rejects.toThrow(message)
      await expect(postgresPersonalKeyStore(given).destroy('alice')).rejects.toThrow(message)
      expect(await rows()).toEqual(before)
    }
    await expectRefusals({ ...settings, secret: new Uint8Array(32) }, 'another `secret`')
    const { forgotten } = (await owner.query('SELECT * FROM owned_stores')).rows[0] as { forgotten: number }
    expect(forgotten).toBe(0)
    await owner.query('TRUNCATE owned_stores')
    await expectRefusals(settings, 'no data of the stores')
  })

  it.each(['calls', 'revocations', 'limits'] as const)(
    'RPL-04 RVK-13 LMT-14 forget nothing while they are being prepared with a new epoch: %s',
    async (kind) => {
      const settings = await open(`preparing_${kind}`)
      const ended = soon() - 3600
      const ago = postgresStores({ ...settings, clock: { now: () => ended - 10 } })
      const entries = [{ key: 'a', kind: 'total', maximum: 3, amount: 1, expiration: ended }] as const
      await ago.replay.claim('a', ended, { acceptedFrom: ended - 20 })
      await ago.revocations.add({ ids: [cid], expiration: ended })
      await ago.limitStore.reserve(limitRequest('a', { entries, deadline: ended }), {})
      const preparing = await owner.connect()
      let isNoted = false
      const client: PostgresStoreClient = {
        async query(text, values) {
          const answer = await owner.query(text, [...values])
          if (text.includes('UPDATE') && !isNoted) {
            isNoted = true
            await preparing.query('BEGIN')
            await preparing.query(
              `UPDATE preparing_${kind}_stores SET forgotten = 0, revocations_forgotten = 0, limits_forgotten = 0`,
            )
            // The next statement waits for this one, and then compares the time that is noted now.
            setTimeout(() => void preparing.query('COMMIT'), 300)
          }
          return answer
        },
      }
      try {
        const { replay, revocations, limitStore } = postgresStores({ ...settings, client })
        await { calls: replay, revocations, limits: limitStore }[kind].prune()
      } finally {
        preparing.release()
      }
      const [{ count }] = (await owner.query(`SELECT count(*)::int FROM preparing_${kind}_${kind}`)).rows as [
        { count: number },
      ]
      expect(count).toBe(1)
    },
  )

  it.each(['calls', 'revocations', 'limits'] as const)(
    'RPL-04 RVK-13 LMT-14 forget nothing that was added after a new epoch, with which they were prepared meanwhile: %s',
    async (kind) => {
      const settings = await open(`meanwhile_${kind}`)
      const ended = soon() - 3600
      const ago = postgresStores({ ...settings, clock: { now: () => ended - 10 } })
      const entries = [{ key: 'a', kind: 'total', maximum: 3, amount: 1, expiration: ended }] as const
      const addAll = async (round: string): Promise<void> => {
        await ago.replay.claim(round, ended, { acceptedFrom: ended - 20 })
        await ago.revocations.add({ ids: [cid], expiration: ended })
        await ago.limitStore.reserve(limitRequest(round, { entries, deadline: ended }), {})
      }
      await addAll('before')
      let isNoted = false
      const client: PostgresStoreClient = {
        async query(text, values) {
          const answer = await owner.query(text, [...values])
          if (text.includes('UPDATE') && !isNoted) {
            isNoted = true
            await preparePostgresStores({ ...settings, epoch: 1 })
            await addAll('after')
          }
          return answer
        },
      }
      const { replay, revocations, limitStore } = postgresStores({ ...settings, client })
      await { calls: replay, revocations, limits: limitStore }[kind].prune()
      expect(await ago.replay.claim('after', ended, { acceptedFrom: ended - 20 })).toBe(false)
      expect(await ago.revocations.findRevocations([cid], {})).toEqual([{ id: cid }])
      expect(await ago.limitStore.remaining(entries, {})).toEqual([{ remaining: 1 }])
    },
  )

  it('refuse calls accepted before a later epoch with which they are prepared again', async () => {
    const settings = await open('epochs')
    const { replay } = postgresStores(settings)
    const old = { acceptedFrom: soon() - 200 }
    expect(await replay.claim('a', soon(), old)).toBe(true)
    await preparePostgresStores({ ...settings, epoch: soon() })
    await expect(replay.claim('b', soon(), old)).rejects.toThrow('sign it again after')
    await preparePostgresStores({ ...settings, epoch: 0 })
    await expect(replay.claim('b', soon(), old)).rejects.toThrow('sign it again after')
  })

  it('RPL-04 RVK-13 forget nothing by one clock that is ahead', async () => {
    const settings = await open('ahead')
    let ahead = 86_400
    const clock = { now: () => Math.floor(Date.now() / 1000) + ahead }
    const { replay, revocations } = postgresStores({ ...settings, clock })
    await replay.claim('a', soon(), {})
    await revocations.add({ ids: [cid], expiration: soon() })
    await replay.prune()
    await revocations.prune()
    ahead = 0
    expect(await replay.claim('a', soon(), {})).toBe(false)
    expect(await revocations.findRevocations([cid], {})).toEqual([{ id: cid }])
  })

  it('RPL-03 RVK-07 forget entries that have ended, and no others', async () => {
    const settings = await open('ended')
    const { replay, revocations } = postgresStores(settings)
    const ended = soon() - 3600
    await Promise.all(
      Array.from({ length: 2500 }, (_, index) => replay.claim(`call ${index}`, index % 2 === 0 ? ended : soon(), {})),
    )
    await revocations.add({ ids: [cid], expiration: ended })
    await revocations.add({ ids: [owned], expiration: soon() })
    await replay.prune()
    await revocations.prune()
    expect((await owner.query('SELECT count(*)::int AS count FROM ended_calls')).rows).toEqual([{ count: 1250 }])
    expect(await revocations.findRevocations([cid], {})).toEqual([])
    expect(await revocations.findRevocations([owned], {})).toEqual([{ id: owned }])
    await expect(replay.claim('late', ended - 1000, {})).rejects.toThrow('expired before the latest time seen')
    await preparePostgresStores({ ...settings, epoch: soon() - 30 })
    const wrong = postgresStores({ ...settings, clock: { now: () => ended } })
    await wrong.revocations.add({ ids: [cid], expiration: ended })
    await revocations.prune()
    const behind = postgresStores({ ...settings, clock: { now: () => ended - 1 } })
    await expect(behind.revocations.findRevocations([cid], {})).rejects.toThrow('correct its clock')
  })

  it('OPS-21 LMT-14 forget an expired limit with the amounts of its period, a bounded number with each statement', async () => {
    const settings = { ...(await open('holds')), timeoutMs: 20_000 }
    const ago = postgresStores({ ...settings, clock: pastClock }).limitStore
    const used = await useLimits(ago, 2_300, 1_200)
    const count = async (): Promise<number> =>
      ((await owner.query('SELECT count(*)::int AS count FROM holds_limit_holds')).rows[0] as { count: number }).count
    const counts = [await count()]
    expect(counts).toEqual([used])
    const counting: PostgresStoreClient = {
      async query(text, values) {
        const answer = await owner.query(text, [...values])
        counts.push(await count())
        return answer
      },
    }
    await postgresStores({ ...settings, client: counting }).limitStore.prune()
    const steps = counts.slice(1).map((next, at) => (counts[at] as number) - next)
    expect(Math.max(...steps)).toBeLessThanOrEqual(1_000)
    // The limit that has not expired.
    expect(await count()).toBe(1)
    expect((await owner.query('SELECT key FROM holds_limits')).rows).toHaveLength(1)
    const late = { reservation: 'late', entries: [rateOf('often')], deadline: past + 60, commit: true }
    await expect(ago.reserve(late, {})).rejects.toThrow('expired before the latest time seen')
  })

  it('OPS-21 LMT-12 end some of the amounts of a period that is over with a call, and count none of them', async () => {
    const settings = { ...(await open('periods')), timeoutMs: 20_000 }
    await expectFewEnded(
      (clock) => postgresStores({ ...settings, clock }).limitStore,
      async () => (await owner.query('SELECT key FROM periods_limit_holds')).rows.length,
    )
  })

  it('RPL-07 keep a call that gets a later end while it is about to be forgotten', async () => {
    const settings = await open('later')
    const { replay } = postgresStores({ ...settings, timeoutMs: 20_000 })
    await replay.claim('a', soon() - 3600, {})
    const extending = new Pool({ connectionString: address, max: 1 })
    await extending.query('BEGIN')
    await extending.query('UPDATE later_calls SET expiration = $1', [soon()])
    const pruned = replay.prune()
    const isWaiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%later_calls%'`
    await expect.poll(async () => (await owner.query(isWaiting)).rows.length).toBeGreaterThan(0)
    await extending.query('COMMIT')
    await extending.end()
    await pruned
    expect(await replay.claim('a', soon(), {})).toBe(false)
  })

  it('keep a later epoch when they are prepared with an earlier one, without one, or with another secret', async () => {
    const settings = await open('ordered')
    for (const epoch of [2_000, 10_000, 9_000, 0]) await preparePostgresStores({ ...settings, epoch })
    await preparePostgresStores(settings)
    const other = { ...settings, secret: new Uint8Array(32), epoch: 20_000 }
    await expect(preparePostgresStores(other)).rejects.toThrow('another `secret`')
    expect((await owner.query('SELECT epoch FROM ordered_stores')).rows).toEqual([{ epoch: 10_000 }])
  })

  it('RPL-04 RVK-13 STO-12 keep the times at which they forgot, until a later epoch', async () => {
    const settings = await open('times')
    const at = (clock: Clock) => ({
      ...postgresStores({ ...settings, clock }),
      processed: postgresProcessedSets({ ...settings, clock }),
    })
    await expectForgottenUntilEpoch(at, (epoch) => preparePostgresStores({ ...settings, epoch }))
  })

  it('forget revocations when they are pruned, and not with claims and reservations', async () => {
    const settings = await open('alone')
    await expectOwnPruning(postgresStores(settings))
  })

  it('OPS-21 begin each statement of pruning where the last one has ended', async () => {
    const settings = await open('places')
    await owner.query(`INSERT INTO places_calls SELECT decode(md5(i::text), 'hex'), 1000 + i / 10
      FROM generate_series(1, 3500) AS t (i)`)
    const froms: number[] = []
    const noting: PostgresStoreClient = {
      async query(text, values) {
        if (text.includes('DELETE')) froms.push(Number(values[1]))
        return owner.query(text, [...values])
      },
    }
    await postgresStores({ ...settings, client: noting }).replay.prune()
    expect(froms).toEqual([Number.NEGATIVE_INFINITY, 1100, 1200, 1300])
    expect((await owner.query('SELECT key FROM places_calls')).rows).toEqual([])
  })

  it('OPS-21 read each ended hold once, although an old transaction keeps the deleted ones in the index', async () => {
    const settings = await open('ended')
    // Two holds for each call, so that a statement ends fewer calls than holds.
    await owner.query(
      `INSERT INTO ended_limits SELECT decode(md5(i::text), 'hex'), 0, 'Infinity' FROM generate_series(1, 2) AS t (i)`,
    )
    await owner.query(`INSERT INTO ended_limit_holds
      SELECT decode(md5((i / 2)::text), 'hex'), decode(md5((1 + i % 2)::text), 'hex'), 'rate', 1, 1000 + i / 20, 1000 + i / 20, false, NULL
      FROM generate_series(2, 6001) AS t (i)`)
    const old = new Pool({ connectionString: address, max: 1 })
    const own = new Pool({ connectionString: address, max: 1 })
    await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await old.query('SELECT count(*) FROM ended_limit_holds')
    const froms: number[] = []
    const noting: PostgresStoreClient = {
      async query(text, values) {
        if (text.includes('limits_expire')) froms.push(Number(values[1]))
        return own.query(text, [...values])
      },
    }
    const entriesRead = async (): Promise<number> => {
      await own.query('SELECT pg_stat_force_next_flush()')
      const text =
        "SELECT idx_tup_read::int AS count FROM pg_stat_user_indexes WHERE indexrelname = 'ended_limit_holds_by_until'"
      return ((await own.query(text)).rows[0] as { count: number }).count
    }
    const before = await entriesRead()
    await postgresStores({ ...settings, client: noting }).limitStore.prune()
    expect((await owner.query('SELECT id FROM ended_limit_holds')).rows).toEqual([])
    expect(froms).toEqual([Number.NEGATIVE_INFINITY, 1050, 1100, 1150, 1200, 1250, 1300])
    // A statement finds those with the latest end of the one before once more.
    expect((await entriesRead()) - before).toBeLessThan(6_000 + 7 * 30)
    await old.query('COMMIT')
    await old.end()
    await own.end()
  })

  it.each<[string, (stores: ServerStores) => SharedStores]>([
    ['race', (stores) => stores],
    ['race_together', throughCallStore],
  ])('RPL-01 take no call again whose row is forgotten while a claim is under way: %s', async (prefix, kind) => {
    const settings = await open(prefix)
    const { replay } = kind(postgresStores(settings))
    const ended = soon() - 3600
    expect(await replay.claim('a', ended, {})).toBe(true)
    // The claim stands still after it has begun, and before it looks for its row.
    await owner.query(`CREATE OR REPLACE FUNCTION stand_still() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$`)
    await owner.query(
      `CREATE TRIGGER slow BEFORE INSERT ON ${prefix}_calls FOR EACH ROW EXECUTE FUNCTION stand_still()`,
    )
    const copy = replay.claim('a', ended, {})
    const isStill = `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'`
    await expect.poll(async () => (await owner.query(isStill)).rows.length, { interval: 5 }).toBe(1)
    const pruned = replay.prune()
    expect(await copy).toBe(false)
    await pruned
  })

  it('STO-06 are on disk before they answer, also where the server does not wait for the disk', async () => {
    // A server of its own, which writes nothing by itself between a statement and the look at its log.
    const quiet = ['wal_writer_delay=10000', 'autovacuum=off', 'wal_level=minimal', 'max_wal_senders=0']
    const server = await postgresServer({ settings: quiet })
    await server.start()
    const connectionString = `postgres://postgres@127.0.0.1:${server.port}/postgres`
    const own = new Pool({ connectionString, max: 1 })
    const lazy = new Pool({ connectionString, max: 1, options: '-c synchronous_commit=off' })
    const settings = { client: own, secret, prefix: 'lazy', timeoutMs: 20_000 }
    await own.query(postgresStoreSchema({ prefix: 'lazy' }))
    await own.query('CREATE TABLE noise (number int)')
    await preparePostgresStores({ ...settings, epoch: 0 })
    const { replay, revocations, limitStore } = postgresStores({ ...settings, client: lazy })
    await limitStore.reserve(limitRequest('before', { commit: false }), {})
    const flushed = async () => {
      const text = 'SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn() AS flushed'
      return (await own.query(text)).rows[0] as { readonly flushed: boolean }
    }
    // The server writes its log every 10 s, perhaps between the two statements.
    const insert = async () => {
      await lazy.query('INSERT INTO noise VALUES (1)')
      return flushed()
    }
    await expect.poll(insert, { interval: 5 }).toEqual({ flushed: false })
    for (const write of [
      () => replay.claim('a', soon(), {}),
      () => revocations.add({ ids: [cid], expiration: soon() }),
      () => limitStore.reserve(limitRequest('at once'), {}),
      () => limitStore.commit('before', {}),
      () => postgresPersonalKeyStore({ ...settings, client: lazy }).destroy('alice'),
    ]) {
      await write()
      expect(await flushed()).toEqual({ flushed: true })
    }
    expect((await lazy.query('SHOW synchronous_commit')).rows).toEqual([{ synchronous_commit: 'off' }])
    await own.end()
    await lazy.end()
    await server.remove()
  })

  it('take what older tables have, once their schema is applied again', async () => {
    const settings = await open('older')
    const { replay } = postgresStores(settings)
    expect(await replay.claim('a', soon(), {})).toBe(true)
    await owner.query(`ALTER TABLE older_stores DROP COLUMN limits_forgotten, DROP COLUMN processed_forgotten;
      DROP TABLE older_processed_sets, older_limits, older_limit_holds, older_limit_tasks`)
    const { limitStore } = postgresStores(settings)
    const processed = postgresProcessedSets(settings)
    await expect(limitStore.reserve(limitRequest('a'), {})).rejects.toThrow('run `postgresStoreSchema()`')
    await expect(processed.has('a', soon())).rejects.toThrow('run `postgresStoreSchema()`')
    await owner.query(postgresStoreSchema({ prefix: 'older' }))
    expect(await limitStore.reserve(limitRequest('a'), {})).toEqual({ reserved: true })
    expect(await processed.has('a', soon())).toBe(false)
    expect(await replay.claim('a', soon(), {})).toBe(false)
  })

  it('LMT-10 do not wait for each other, in whatever order calls name their limits', async () => {
    const settings = await open('order')
    const pools = Array.from({ length: 4 }, () => new Pool({ connectionString: address, max: 4 }))
    const handles = pools.map((client) => postgresStores({ ...settings, client, timeoutMs: 20_000 }).limitStore)
    const keys = ['a', 'b', 'c', 'd', 'e']
    const start = Math.floor(Date.now() / 1000)
    let time = start
    const late = postgresStores({ ...settings, clock: { now: () => time }, timeoutMs: 20_000 }).limitStore
    const answers = await Promise.all(
      Array.from({ length: 400 }, async (_, index) => {
        const chosen = keys.slice(index % 4).concat(keys.slice(0, index % 3))
        const entries = [...new Set(index % 2 === 0 ? chosen : chosen.reverse())].map((key) => ({
          ...(limitRequest('').entries[0] as LimitRequest['entries'][0]),
          key,
          maximum: 1_000,
        }))
        const handle = handles[index % 4] as (typeof handles)[0]
        const request = { reservation: `${index}`, entries, deadline: start + 60, commit: index % 5 === 0 }
        const answer = await handle.reserve(request, {})
        if (index % 7 === 0) time = start + 61
        if (index % 7 === 1) await late.prune()
        if (index % 3 === 0) await handle.release(`${index}`, {})
        else await (index % 2 === 0 ? late : handle).commit(`${index}`, {})
        return answer
      }),
    )
    expect(answers.every(({ reserved }) => reserved)).toBe(true)
    await Promise.all(pools.map((pool) => pool.end()))
    const { rows } = await owner.query('SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()')
    expect(rows).toEqual([{ deadlocks: 0 }])
  })

  it.each(['repeatable read', 'serializable'])(
    'LMT-11 reject reservations with the isolation level %s',
    async (level) => {
      const settings = await open('levels')
      const options = `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`
      const client = new Pool({ connectionString: address, max: 1, options })
      const { limitStore } = postgresStores({ ...settings, client })
      const rejected = limitStore.reserve(limitRequest('a'), {})
      await expect(rejected).rejects.toMatchObject({ cause: { message: expect.stringContaining('READ COMMITTED') } })
      await client.end()
    },
  )

  it('RPL-05 RVK-06 LMT-11 are refused by a server that takes no writes, cancels them or is given up, and use nothing up', async () => {
    const settings = await open('unwritten')
    await postgresStores(settings).limitStore.reserve(limitRequest('before', { commit: false }), {})
    const claim = { key: 'asked', expiration: soon(), acceptedFrom: undefined }
    const expectRefusals = async (options: string, reason: string, isEnded = false): Promise<void> => {
      const client = new Pool({ connectionString: address, max: 2, options })
      const { replay, revocations, limitStore, callStore } = postgresStores({ ...settings, client })
      expect(await revocations.findRevocations([cid], {})).toEqual([])
      if (isEnded) await client.end()
      for (const ask of [
        () => replay.claim('claimed', soon(), {}),
        () => callStore.ask({ ids: [cid], claim, limits: limitRequest('asked') }, {}),
        () => limitStore.reserve(limitRequest('reserved'), {}),
        () => limitStore.commit('before', {}),
        () => revocations.add({ ids: [cid], expiration: soon() }),
      ])
        await expect(ask()).rejects.toMatchObject({
          code: 'ERR_STORE',
          cause: { message: expect.stringContaining(reason) },
        })
      if (!isEnded) await client.end()
    }
    await expectRefusals('-c default_transaction_read_only=on', 'read-only transaction')
    await expectRefusals('', 'after calling end on the pool', true)
    const holding = new Pool({ connectionString: address, max: 1 })
    await holding.query('BEGIN')
    await holding.query('LOCK unwritten_calls, unwritten_limits, unwritten_journal_name IN ACCESS EXCLUSIVE MODE')
    await expectRefusals('-c statement_timeout=200', 'statement timeout')
    await holding.query('ROLLBACK')
    await holding.end()
    const { replay, revocations, limitStore } = postgresStores(settings)
    expect(await limitStore.remaining(limitRequest('').entries, {})).toEqual([{ remaining: 2 }])
    expect(await limitStore.commit('before', {})).toBe(true)
    expect(await replay.claim('claimed', soon(), {})).toBe(true)
    expect(await replay.claim('asked', soon(), {})).toBe(true)
    expect(await revocations.findRevocations([cid], {})).toEqual([])
  })

  it.each(['repeatable read', 'serializable'])(
    'RPL-01 take no call twice with the isolation level %s',
    async (level) => {
      const settings = await open('levels')
      const options = `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`
      const pools = [1, 2, 3].map(() => new Pool({ connectionString: address, max: 2, options }))
      const handles = pools.map((client) => postgresStores({ ...settings, client }).replay)
      for (let round = 0; round < 20; round++) {
        const name = `${level} ${round}`
        const answers = await Promise.allSettled(handles.map(async (replay) => replay.claim(name, soon(), {})))
        // A conflict is an error, and no answer.
        const yes = answers.filter((answer) => answer.status === 'fulfilled' && answer.value)
        expect(yes.length).toBeLessThanOrEqual(1)
        for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(StoreError)
        expect(await postgresStores(settings).replay.claim(name, soon(), {})).toBe(false)
      }
      await Promise.all(pools.map((pool) => pool.end()))
    },
  )

  it('STO-11 RPL-08 claim a call once that is asked about at an earlier epoch, and no revoked call', async () => {
    const settings = await open('asked')
    const { callStore, replay, revocations } = postgresStores(settings)
    const ask = (key: string) =>
      callStore.ask({ ids: [cid], claim: { key, expiration: soon(), acceptedFrom: soon() - 100 } }, {})
    const first = { revocations: { value: [] }, claim: { value: true } }
    expect(await ask('before')).toMatchObject(first)
    await preparePostgresStores({ ...settings, epoch: 1 })
    expect(await ask('after')).toMatchObject(first)
    await revocations.add({ ids: [cid], expiration: soon() })
    expect(await ask('revoked')).toEqual({ revocations: { status: 'fulfilled', value: [{ id: cid }] } })
    expect(await replay.claim('revoked', soon(), { acceptedFrom: soon() - 100 })).toBe(true)
  })

  it('send nothing for a caller that no longer waits', async () => {
    const settings = await open('unheard')
    const sent: string[] = []
    const client: PostgresStoreClient = {
      async query(text, values) {
        sent.push(text)
        return owner.query(text, [...values])
      },
    }
    const { replay, revocations, limitStore, callStore } = postgresStores({ ...settings, client })
    await replay.claim('first', soon(), {})
    sent.length = 0
    const signal = AbortSignal.abort(new Error('nobody waits'))
    const claim = { key: 'a', expiration: soon(), acceptedFrom: undefined }
    for (const ask of [
      () => replay.claim('a', soon(), { signal }),
      () => callStore.ask({ ids: [cid], claim }, { signal }),
      () => revocations.findRevocations([cid], { signal }),
      () => limitStore.reserve(limitRequest('a'), { signal }),
      () => limitStore.commit('a', { signal }),
      () => limitStore.prune({ signal }),
    ])
      await expect(ask()).rejects.toThrow('nobody waits')
    expect(sent).toEqual([])
  })

  it('LMT-15 give nothing back by a second commit, and do not commit after a commit that failed', async () => {
    const settings = await open('commits')
    let time = soon()
    const { limitStore } = postgresStores({ ...settings, clock: { now: () => time } })
    await expectCommitsOnce(limitStore, time, (seconds) => {
      time += seconds
    })
  })

  it('LMT-14 forget limits that expired, and no others', async () => {
    const settings = await open('limits')
    const { limitStore } = postgresStores(settings)
    const ended = soon() - 3600
    const before = postgresStores({ ...settings, clock: { now: () => ended - 10 } }).limitStore
    const entry = (key: string, expiration: number) =>
      [{ key, kind: 'total', maximum: 3, amount: 1, expiration }] as const
    await Promise.all(
      Array.from({ length: 1500 }, (_, index) =>
        before.reserve(limitRequest(`${index}`, { entries: entry(`${index}`, ended), task: 'a' }), {}),
      ),
    )
    await limitStore.reserve(limitRequest('b', { task: 'a' }), {})
    await limitStore.reserve(limitRequest('c', { entries: entry('held', ended + 3000), commit: false }), {})
    await limitStore.prune()
    const counts = await owner.query(`SELECT (SELECT count(*)::int FROM limits_limits) AS limits,
      (SELECT count(*)::int FROM limits_limit_tasks) AS tasks, (SELECT count(*)::int FROM limits_limit_holds) AS holds`)
    expect(counts.rows).toEqual([{ limits: 2, tasks: 1, holds: 1 }])
    await expect(before.reserve(limitRequest('d', { entries: entry('1', ended) }), {})).rejects.toThrow(
      'latest time seen',
    )
    await preparePostgresStores({ ...settings, epoch: soon() })
    expect(await before.reserve(limitRequest('d', { entries: entry('1', ended) }), {})).toEqual({ reserved: true })
  })

  it('RPL-05 RVK-06 LMT-11 reject answers of another form', async () => {
    const settings = await open('forms')
    const answers: unknown[] = [undefined, null, {}, { rows: 1 }, { rows: [] }, { rows: [null] }, { rows: [{}] }]
    for (const answer of answers) {
      const client = { query: async () => answer as { rows: [] } }
      const { replay, revocations, limitStore } = postgresStores({ ...settings, client })
      await expect(limitStore.reserve(limitRequest('a'), {})).rejects.toThrow()
      await expect(limitStore.commit('a', {})).rejects.toThrow()
      await expect(limitStore.remaining(limitRequest('a').entries, {})).rejects.toThrow(StoreError)
      await expect(replay.claim('a', soon(), {})).rejects.toThrow(StoreError)
      await expect(revocations.findRevocations([cid], {})).rejects.toThrow(StoreError)
      await expect(revocations.add({ ids: [cid], expiration: soon() })).rejects.toThrow(StoreError)
    }
    const { fingerprint } = keyedNames(secret)
    const texts = [
      undefined,
      null,
      '[]',
      '{}',
      '[{}]',
      '[1]',
      '[{"kind":"short"}]',
      '[{"kind":"short","place":0}]',
      '{',
    ]
    for (const text of [...texts, '[{"kind":"short","place":7,"remaining":0}]']) {
      const client = { query: async () => ({ rows: [{ fingerprint, answers: text }] }) }
      const { limitStore } = postgresStores({ ...settings, client })
      await expect(limitStore.reserve(limitRequest('a'), {})).rejects.toThrow(StoreError)
      await expect(limitStore.commit('a', {})).rejects.toThrow(StoreError)
      await expect(limitStore.remaining(limitRequest('a').entries, {})).rejects.toThrow(StoreError)
    }
  })
})
