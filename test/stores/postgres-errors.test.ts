import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import { keyedNames } from '../../src/stores/keyed-names.ts'
import { openConnection } from '../../src/stores/postgres/connection.ts'
import { postgresStores } from '../../src/stores/postgres/postgres-stores.ts'

const open = (query: () => Promise<{ rows: readonly unknown[] }>) =>
  openConnection({ client: { query }, secret: new Uint8Array(32), prefix: 'procura', timeoutMs: 20, maxBatch: 1 })

describe('the error of PostgreSQL', () => {
  it('has the time limit of a statement that was not answered', async () => {
    const { query } = open(() => new Promise(() => undefined))
    await expect(query('SELECT 1')).rejects.toMatchObject({
      code: 'ERR_STORE',
      cause: { message: 'timed out after 20 ms' },
    })
  })

  it('of missing tables has the two steps, for a new database and for one that lost its data', async () => {
    const { ask } = open(async () => ({ rows: [] }))
    await expect(ask('SELECT 1', [])).rejects.toThrow(
      'if it is new or was upgraded, run `postgresStoreSchema()` and call `preparePostgresStores`; if its data was lost, do that and add the revocations again',
    )
  })
})

/** A client without a pool, whose answers never come. */
function silentClient(): { readonly sent: string[]; query(text: string): Promise<never> } {
  const sent: string[] = []
  return {
    sent,
    query(text: string) {
      sent.push(text)
      return new Promise(() => undefined)
    },
  }
}

describe('STO-14 a silent server of PostgreSQL', () => {
  const settings = { secret: new Uint8Array(32), prefix: 'procura', maxBatch: 500 }

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('does not keep the next statements waiting, of which two at a time are sent otherwise', async () => {
    const client = silentClient()
    const { batched, query } = openConnection({ ...settings, client, timeoutMs: 2_000 })
    const ask = batched(async (texts: readonly string[]) => query(texts.join()))
    const answers: Promise<unknown>[] = []
    for (const text of ['first', 'second', 'third', 'fourth']) {
      answers.push(ask(text).catch(() => 'late'))
      await vi.advanceTimersByTimeAsync(1)
    }
    await vi.advanceTimersByTimeAsync(450)
    expect(client.sent).toEqual(['first', 'second'])
    await vi.advanceTimersByTimeAsync(150)
    expect(client.sent).toEqual(['first', 'second', 'third,fourth'])
    // The two that time out now have lost their places, so that two others are sent, and not more.
    await vi.advanceTimersByTimeAsync(1_500)
    for (const text of ['fifth', 'sixth', 'seventh']) {
      answers.push(ask(text).catch(() => 'late'))
      await vi.advanceTimersByTimeAsync(1)
    }
    expect(client.sent.slice(3)).toEqual(['fifth', 'sixth'])
    await vi.advanceTimersByTimeAsync(5_000)
    expect(client.sent.slice(3)).toEqual(['fifth', 'sixth', 'seventh'])
    expect(await Promise.all(answers)).toEqual(Array(7).fill('late'))
  })

  it('is silent after half of a short time limit, and a statement that timed out is no sign of life', async () => {
    const closed: number[] = []
    const start = performance.now()
    const idle = {
      query: async () => ({ rows: [] }),
      on: () => undefined,
      off: () => undefined,
      release: () => closed.push(performance.now() - start),
    }
    const busy = { ...idle, query: () => new Promise(() => undefined), release: () => undefined }
    const client = {
      idleCount: 0,
      query: async () => ({ rows: [] }),
      connect: async () => (client.idleCount === 0 ? busy : idle),
    }
    const { query } = openConnection({ ...settings, client: client as never, timeoutMs: 400 })
    const first = query('SELECT 1').catch(() => 'late')
    await vi.advanceTimersByTimeAsync(10)
    client.idleCount = 1
    await vi.advanceTimersByTimeAsync(230)
    expect(closed).toHaveLength(1)
    expect(closed[0]).toBeLessThan(260)
    client.idleCount = 0
    const second = query('SELECT 1').catch(() => 'late')
    await vi.advanceTimersByTimeAsync(10)
    client.idleCount = 1
    // The limit has doubled: the next silence lasts from 200 ms to 600 ms.
    await vi.advanceTimersByTimeAsync(380)
    expect(closed).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(100)
    expect(await Promise.all([first, second])).toEqual(['late', 'late'])
  })

  it('has two seconds for its answer unless the store has `timeoutMs`, and no timer is left behind', async () => {
    const client = silentClient()
    const secret = new Uint8Array(32)
    const { revocations } = postgresStores({ client, secret })
    const answer = Promise.resolve(revocations.findRevocations([], {})).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(2_100)
    expect(await answer).toMatchObject({ cause: { message: 'timed out after 2000 ms' } })
    const rows = [{ fingerprint: keyedNames(secret).fingerprint, revocations_forgotten: 0 }]
    const answering = postgresStores({ client: { query: async () => ({ rows }) }, secret })
    const found = answering.revocations.findRevocations([], {})
    await vi.advanceTimersByTimeAsync(100)
    expect(await found).toEqual([])
    await vi.advanceTimersByTimeAsync(100)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('gets no request of a caller that stopped waiting before it was sent', async () => {
    const client = silentClient()
    const { batched, query } = openConnection({ ...settings, client, timeoutMs: 2_000 })
    const ask = batched(async (texts: readonly string[]) => query(texts.join()))
    const nobody = AbortSignal.abort(new Error('nobody waits'))
    const answers = Promise.allSettled([ask('first', nobody), ask('second')])
    await vi.advanceTimersByTimeAsync(2_500)
    expect(await answers).toMatchObject([{ reason: { message: 'nobody waits' } }, { status: 'rejected' }])
    expect(client.sent).toEqual(['second'])
  })
})

describe('the error of PostgreSQL, by its code', () => {
  it.each(['42P01', '42703', '42883'])('%s is about stores that are not prepared', async (code) => {
    const { query } = open(() => Promise.reject(Object.assign(new Error('missing'), { code })))
    await expect(query('SELECT 1')).rejects.toMatchObject({ message: expect.stringContaining('postgresStoreSchema') })
  })

  it.each(['40001', '40P01', '57014', '25006', '57P01', '53300', undefined])(
    '%s is a server that did not answer, with its cause',
    async (code) => {
      const cause = Object.assign(new Error('no'), { code })
      const { query } = open(() => Promise.reject(cause))
      await expect(query('SELECT 1')).rejects.toMatchObject({ code: 'ERR_STORE', cause })
    },
  )

  it('is malformed where an answer has no rows', async () => {
    for (const answer of [undefined, null, {}, { rows: {} }]) {
      const { query, ask } = open(async () => answer as never)
      await expect(query('SELECT 1')).rejects.toThrow(StoreError)
      await expect(ask('SELECT 1', [])).rejects.toThrow(StoreError)
    }
    await expect(open(async () => ({ rows: [null] })).ask('SELECT 1', [])).rejects.toThrow('no data of the stores')
  })
})

describe('the answer of PostgreSQL about a call', () => {
  const secret = new Uint8Array(32)
  const usual = { epoch: 0, forgotten: 0, found: [], first: [0], limited: [], reserved: [], calls: [], known: [] }

  async function ask(change: object, limits?: object) {
    const answers = JSON.stringify({ ...usual, ...change })
    const rows = [{ fingerprint: keyedNames(secret).fingerprint, epoch: 0, on_disk: true, answers }]
    const { callStore } = postgresStores({
      client: { query: async () => ({ rows }) },
      secret,
      clock: { now: () => 1_000 },
    })
    const claim = { key: 'a', expiration: 1_060, acceptedFrom: 990 }
    return callStore.ask({ ids: [], claim, ...(limits && { limits: limits as never }) }, {})
  }

  it('is a first claim, a replay, or unknown where neither this call nor an earlier one was claimed', async () => {
    expect(await ask({})).toMatchObject({ claim: { value: true } })
    const call = keyedNames(secret).hex('replay', 'a')
    for (const name of ['calls', 'known'])
      expect(await ask({ first: [], [name]: [call] })).toMatchObject({ claim: { value: false } })
    expect(await ask({ first: [] })).toMatchObject({ claim: { status: 'rejected', reason: { code: 'ERR_STORE' } } })
    expect(await ask({ first: [], calls: ['00'] })).toMatchObject({ claim: { status: 'rejected' } })
  })

  it('is malformed where an answer is missing for a reservation, or a part has another form', async () => {
    for (const wrong of [
      ...[{ limited: [0] }, { reserved: ['x'] }, { limited: [0], reserved: [] }, { limited: 0 }, { first: {} }],
      ...[{ found: [['a']] }, { found: ['a'] }, { epoch: '0' }, { forgotten: null }, { calls: 'a' }],
    ])
      await expect(ask(wrong), JSON.stringify(wrong)).rejects.toThrow('PostgreSQL returned a malformed answer')
  })
})
