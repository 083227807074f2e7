import { EventEmitter } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { isPool, type PooledConnection } from '../../src/stores/postgres/connection-pool.ts'
import { poolRunner } from '../../src/stores/postgres/pool-runner.ts'

const never = new AbortController().signal
const rows = { rows: [{ answer: 1 }] }

/** A promise that is settled from outside. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (cause: unknown) => void } {
  let settle: Pick<ReturnType<typeof withResolvers<T>>, 'resolve' | 'reject'> | undefined
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...(settle as NonNullable<typeof settle>) }
}

/** A connection that answers, fails or is silent. */
class Connection extends EventEmitter implements PooledConnection {
  readonly released: (Error | undefined)[] = []
  readonly #answer: (text: string) => Promise<typeof rows>
  constructor(answer: (text: string) => Promise<typeof rows> = async () => rows) {
    super()
    this.#answer = answer
  }
  query(text: string): Promise<typeof rows> {
    return this.#answer(text)
  }
  release(error?: Error): void {
    this.released.push(error)
  }
}

/** A pool with idle connections, which makes others. */
class Pool {
  idle: Connection[] = []
  connects = 0
  readonly #open: () => Promise<Connection>
  constructor(open: () => Promise<Connection>) {
    this.#open = open
  }
  get idleCount(): number {
    return this.idle.length
  }
  async connect(): Promise<Connection> {
    this.connects += 1
    return this.idle.pop() ?? this.#open()
  }
}

describe('STO-14 statements on connections of a pool', () => {
  it('give the connection back after an answer, and close it after an error', async () => {
    const good = new Connection()
    const bad = new Connection(() => Promise.reject(new Error('gone')))
    const pool = new Pool(async () => bad)
    pool.idle.push(good)
    const { run } = poolRunner(pool)
    expect(await run('SELECT 1', [], never)).toBe(rows)
    await expect(run('SELECT 1', [], never)).rejects.toThrow('gone')
    expect(good.released).toEqual([undefined])
    expect(bad.released).toEqual([expect.any(Error)])
    expect([good, bad].map((one) => one.listenerCount('error'))).toEqual([0, 0])
  })

  it('close the connection of a statement that timed out, once', async () => {
    const { promise, reject } = withResolvers<typeof rows>()
    const silent = new Connection(() => promise)
    const { run } = poolRunner(new Pool(async () => silent))
    const timing = new AbortController()
    const answer = run('SELECT 1', [], timing.signal)
    await new Promise(setImmediate)
    timing.abort(new Error('timed out'))
    expect(silent.released).toEqual([expect.objectContaining({ message: 'timed out' })])
    reject(new Error('terminated'))
    await expect(answer).rejects.toThrow('terminated')
    expect(silent.released).toHaveLength(1)
  })

  it('are not sent on a connection that comes too late, which is given back', async () => {
    const { promise, resolve } = withResolvers<Connection>()
    const { run } = poolRunner(new Pool(() => promise))
    const timing = new AbortController()
    const answer = run('INSERT', [], timing.signal)
    timing.abort(new Error('timed out'))
    const late = new Connection(() => Promise.reject(new Error('it was sent')))
    resolve(late)
    await expect(answer).rejects.toThrow('timed out')
    expect(late.released).toEqual([undefined])
  })

  it('survive an error event of a connection in use', async () => {
    const { promise, reject } = withResolvers<typeof rows>()
    const connection = new Connection(() => promise)
    const { run } = poolRunner(new Pool(async () => connection))
    const answer = run('SELECT 1', [], never)
    await new Promise(setImmediate)
    connection.emit('error', new Error('reset'))
    reject(new Error('reset'))
    await expect(answer).rejects.toThrow('reset')
  })

  it('connect one after another, with waits, while connections are refused', async () => {
    let active = 0
    let most = 0
    const refusing = new Pool(async () => {
      active += 1
      most = Math.max(most, active)
      await new Promise(setImmediate)
      active -= 1
      throw new Error('ECONNREFUSED')
    })
    const { run } = poolRunner(refusing)
    await expect(run('SELECT 1', [], never)).rejects.toThrow('ECONNREFUSED')
    most = 0
    const before = refusing.connects
    const timings = Array.from({ length: 200 }, () => new AbortController())
    const answers = Promise.allSettled(timings.map(({ signal }) => run('SELECT 1', [], signal)))
    const start = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 300))
    for (const timing of timings) timing.abort(new Error('timed out'))
    const results = await answers
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(most).toBe(1)
    // Each wait is at least 10 ms.
    expect(refusing.connects - before).toBeLessThanOrEqual((performance.now() - start) / 10 + 1)
  })

  it('go on at once when a connection works again', async () => {
    let isDown = true
    const pool = new Pool(async () => {
      if (isDown) throw new Error('ECONNREFUSED')
      return new Connection()
    })
    const { run } = poolRunner(pool)
    await expect(run('SELECT 1', [], never)).rejects.toThrow('ECONNREFUSED')
    isDown = false
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => run('SELECT 1', [], new AbortController().signal)),
    )
    expect(answers).toEqual(Array.from({ length: 50 }, () => rows))
  })

  it('close idle connections, with a statement under way so that nothing is awaited', async () => {
    const statements: number[] = []
    const idle = [0, 1, 2].map(
      (number) =>
        new Connection(() => {
          statements.push(number)
          return Promise.reject(new Error('terminated'))
        }),
    )
    const pool = new Pool(async () => new Connection())
    pool.idle.push(...idle)
    poolRunner(pool).closeIdle()
    await new Promise(setImmediate)
    expect(pool.connects).toBe(3)
    expect(statements.toSorted()).toEqual([0, 1, 2])
    expect(idle.flatMap(({ released }) => released)).toEqual([1, 2, 3].map(() => expect.any(Error)))
  })

  it('are sent on a new connection if an idle one does not answer', async () => {
    const sent: string[] = []
    const silent = (name: string): Connection =>
      new Connection((text) => {
        sent.push(`${name} ${text}`)
        return new Promise(() => undefined)
      })
    const fresh = new Connection(async (text) => {
      sent.push(`fresh ${text}`)
      return rows
    })
    const pool = new Pool(async () => fresh)
    const idle = ['first', 'second', 'third'].map(silent)
    pool.idle.push(...idle)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const answer = poolRunner(pool).run('INSERT', [], never)
      // The first question finds that one of them is dead; the others are closed with it, without questions of their
      // own.
      await vi.advanceTimersByTimeAsync(510)
      expect(idle.map(({ released }) => released.length)).toEqual([1, 1, 1])
      await vi.runAllTimersAsync()
      expect(await answer).toBe(rows)
    } finally {
      vi.useRealTimers()
    }
    expect(sent.toSorted()).toEqual(['first SELECT 1', 'fresh INSERT', 'second SELECT 1', 'third SELECT 1'])
    expect(idle.flatMap(({ released }) => released)).toEqual([1, 2, 3].map(() => expect.any(Error)))
    expect(fresh.released).toEqual([undefined])
  })

  it('are sent without a question on a connection that has just answered', async () => {
    const sent: string[] = []
    const connection = new Connection(async (text) => {
      sent.push(text)
      return rows
    })
    const pool = new Pool(async () => connection)
    const { run } = poolRunner(pool)
    await run('first', [], never)
    pool.idle.push(connection)
    await run('second', [], never)
    expect(sent).toEqual(['first', 'second'])
  })

  it('are sent on a new connection if an idle one has ended', async () => {
    const ended = new Connection(() => Promise.reject(new Error('terminated')))
    const pool = new Pool(async () => new Connection())
    pool.idle.push(ended)
    expect(await poolRunner(pool).run('INSERT', [], never)).toBe(rows)
    expect(ended.released).toEqual([expect.any(Error)])
  })

  it('wait neither after a connection worked again, nor while one is idle, nor longer for one that hangs', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const hangs = new Promise<never>(() => undefined)
      const refused = () => Promise.reject(new Error('ECONNREFUSED'))
      let open: () => Promise<Connection> = refused
      const pool = new Pool(() => open())
      const { run } = poolRunner(pool)
      await expect(run('first', [], never)).rejects.toThrow('ECONNREFUSED')
      pool.idle.push(new Connection())
      expect(await run('on the idle one', [], never)).toBe(rows)
      await expect(run('second', [], never)).rejects.toThrow('ECONNREFUSED')
      open = () => hangs
      void run('hangs', [], never)
      const next = run('next', [], never)
      await vi.advanceTimersByTimeAsync(300)
      open = async () => new Connection()
      const before = pool.connects
      await vi.advanceTimersByTimeAsync(600)
      expect(pool.connects).toBe(before + 1)
      expect(await next).toBe(rows)
      expect(await run('at once', [], never)).toBe(rows)
    } finally {
      vi.useRealTimers()
    }
  })

  it('are for pools only', () => {
    expect(isPool(new Pool(async () => new Connection()))).toBe(true)
    expect(isPool({ query: async () => rows })).toBe(false)
    expect(isPool({ query: async () => rows, connect: async () => undefined })).toBe(false)
  })
})
