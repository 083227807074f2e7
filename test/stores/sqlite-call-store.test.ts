import { afterEach, describe, expect, it } from 'vitest'
import type { CallQuestion } from '../../src/core/authorization/call-store.ts'
import { maxRate, maxUses } from '../../src/core/capability/policy/build.ts'
import type { Statement } from '../../src/core/capability/policy/statement.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import type { SqliteDatabase } from '../../src/support/sqlite.ts'
import { actor, clock, now } from '../support/actors.ts'
import { call, createService, delegateRaw, verdict } from '../support/service.ts'
import { playScenario, scenarioVerdicts } from './call-store-scenario.ts'
import { type SqliteFile, sqliteFile } from './open-sqlite.ts'

const secret = new Uint8Array(32).fill(7)
const [alice, bob] = await Promise.all([actor('alice'), actor('bob')])
const files: SqliteFile[] = []

afterEach(() => {
  for (const file of files.splice(0)) file.close()
})

/** A connection that notes its transactions, and fails at the statements that `fails` selects. */
function watched(database: SqliteDatabase, transactions: string[], fails: (sql: string) => boolean) {
  return {
    exec(sql: string) {
      if (/^(BEGIN|COMMIT)/.test(sql)) transactions.push(sql)
      return database.exec(sql)
    },
    prepare(sql: string) {
      const statement = database.prepare(sql)
      return new Proxy(statement, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name)
          if (typeof value !== 'function') return value
          return (...values: unknown[]) => {
            if (fails(sql)) throw new Error('disk I/O error')
            return value.apply(target, values)
          }
        },
      })
    },
  }
}

/** Prepared stores in a file, each time with a connection of their own. */
function openStores() {
  const file = sqliteFile()
  files.push(file)
  const database = file.open()
  prepareSqliteStores({ database, secret, epoch: 0 })
  const transactions: string[] = []
  let fails: (sql: string) => boolean = () => false
  const open = () => sqliteStores({ database: watched(file.open(), transactions, (sql) => fails(sql)), secret, clock })
  return {
    open,
    stores: open(),
    database,
    transactions,
    failAt(pattern: RegExp | undefined): void {
      fails = (sql) => pattern?.test(sql) === true
    },
  }
}

async function containers(count: number, uses: number, more: readonly Statement[] = []): Promise<readonly string[]> {
  const proofs = [await delegateRaw(alice, bob, { policy: [maxUses(uses), ...more] })]
  return Promise.all(
    Array.from({ length: count }, async () => encodeContainer([await call({ issuer: bob, proofs }), ...proofs])),
  )
}

describe('STO-11 a decision with stores in SQLite', () => {
  it('is the same whether they are asked together or one after the other', async () => {
    expect(await playScenario(openStores().stores)).toEqual(scenarioVerdicts)
    const { callStore: _, ...apart } = openStores().stores
    expect(await playScenario(apart)).toEqual(scenarioVerdicts)
  })

  it('is one transaction, which calls that arrive together share', async () => {
    const { stores, transactions } = openStores()
    const service = createService(stores)
    const [first = '', second = '', ...rest] = await containers(22, 15)
    await service.authorize(first)
    transactions.length = 0
    expect(verdict(await service.authorize(second))).toBe('allowed')
    expect(transactions).toEqual(['BEGIN EXCLUSIVE', 'COMMIT'])
    transactions.length = 0
    const verdicts = (await Promise.all(rest.map((container) => service.authorize(container)))).map(verdict)
    expect(verdicts.filter((one) => one === 'allowed')).toHaveLength(13)
    expect(verdicts.filter((one) => one === 'limit_exhausted at 0 LMT-12')).toHaveLength(7)
    expect(transactions.length).toBeLessThan(2 * rest.length)
  })

  it('is a first claim for one of many copies that arrive at once at two processes', async () => {
    const { open } = openStores()
    const services = [createService(open()), createService(open())]
    const [container = ''] = await containers(1, 5)
    const decisions = Array.from({ length: 60 }, (_, at) => services[at % 2]?.authorize(container))
    const verdicts = (await Promise.all(decisions)).map((one) => verdict(one as never))
    expect(verdicts.filter((one) => one === 'allowed')).toHaveLength(1)
    expect(verdicts.filter((one) => one === 'replayed at 1 RPL-01')).toHaveLength(59)
  })

  it('sees that the stores were prepared again, or lost their data', async () => {
    const { stores, database } = openStores()
    const service = createService(stores)
    const [before = '', after = '', lost = ''] = await containers(3, 5)
    expect(verdict(await service.authorize(before))).toBe('allowed')
    prepareSqliteStores({ database, secret, epoch: now + 10 })
    const unclear = await service.authorize(after)
    expect(verdict(unclear)).toBe('replay_unknown at 1 RPL-05')
    // The store has answered: the call may be older than its data.
    expect(unclear).toMatchObject({
      denial: {
        message: 'the replay store could not tell whether the call was used; try again later, with a newly signed call',
      },
    })
    database.exec('DELETE FROM procura_stores')
    const unknown = await service.authorize(lost)
    expect(verdict(unknown)).toBe('revocation_unknown at container RVK-06')
    expect(unknown).toMatchObject({
      denial: { message: 'the revocation store could not tell whether the chain is revoked; try again later' },
    })
  })

  it.each([
    ['the revocations', /FROM procura_revocations WHERE id/, 'revocation_unknown at container RVK-06'],
    ['the claim', /INSERT INTO procura_calls/, 'revocation_unknown at container RVK-06'],
    ['the first amount', /INSERT INTO procura_limits/, 'revocation_unknown at container RVK-06'],
    ['the last change of a limit', /INSERT INTO procura_limit_holds/, 'revocation_unknown at container RVK-06'],
  ])('is refused and leaves nothing if the database fails at %s', async (_, pattern, refusal) => {
    const { stores, database, failAt } = openStores()
    const service = createService(stores)
    const [container = '', other = ''] = await containers(2, 1, [maxRate(5, 60)])
    failAt(pattern)
    expect(verdict(await service.authorize(container))).toBe(refusal)
    failAt(undefined)
    for (const table of ['calls', 'limits', 'limit_holds', 'limit_tasks'])
      expect(database.prepare(`SELECT * FROM procura_${table}`).all()).toEqual([])
    // The call is not used up, and its use is not counted.
    expect(verdict(await service.authorize(container))).toBe('allowed')
    expect(verdict(await service.authorize(other))).toBe('limit_exhausted at 0 LMT-12')
  })

  it('does not fail with the calls that share its transaction', async () => {
    const { stores } = openStores()
    const { callStore } = stores
    const entry = { key: 'limit', kind: 'total', maximum: 10, amount: 1, expiration: now + 600 } as const
    const ask = (key: string, reservation: string, change: Partial<CallQuestion> = {}) =>
      callStore.ask(
        {
          ids: [alice.did],
          claim: { key, expiration: now + 60, acceptedFrom: undefined },
          limits: { reservation, entries: [entry], deadline: now + 60, commit: false },
          ...change,
        },
        {},
      )
    const aborted = AbortSignal.abort(new Error('stopped'))
    const late = { reservation: 'late', entries: [entry], deadline: now, commit: false }
    const answers = await Promise.allSettled([
      ask('a', 'one'),
      ask('b', 'one'),
      ask('c', 'two', { limits: late }),
      ask('d', 'three', { claim: { key: 'd', expiration: now + 60, acceptedFrom: now + 1 } }),
      callStore.ask(
        { ids: [], claim: { key: 'e', expiration: now + 60, acceptedFrom: undefined } },
        { signal: aborted },
      ),
      ask('f', 'four'),
    ])
    const parts = answers.map((answer) =>
      answer.status === 'rejected'
        ? 'rejected'
        : [answer.value.revocations, answer.value.claim, answer.value.limits].map((part) => part?.status ?? '-').join(),
    )
    expect(parts).toEqual([
      'fulfilled,fulfilled,fulfilled',
      'fulfilled,fulfilled,rejected',
      'fulfilled,fulfilled,rejected',
      'fulfilled,rejected,-',
      'rejected',
      'fulfilled,fulfilled,fulfilled',
    ])
    expect(await stores.limitStore.remaining([entry], {})).toEqual([{ remaining: 8 }])
    expect(await stores.replay.claim('e', now + 60, {})).toBe(true)
  })
})
