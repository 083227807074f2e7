import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import { type CallingRedisClient, script, scriptRunner } from '../../src/stores/redis/client.ts'
import { redisStores } from '../../src/stores/redis/redis-stores.ts'

const one = script('return 1')

/** A client of the kind of ioredis, whose server a test plays. */
class Client implements CallingRedisClient {
  status = 'ready'
  sent: string[] = []
  closed = 0
  readonly stream: { destroy(): void } = {
    destroy: () => {
      this.closed += 1
    },
  }
  answer: () => Promise<unknown> = async () => ['answer']
  call(command: string): Promise<unknown> {
    this.sent.push(command)
    return this.answer()
  }
}

function run(client: Client, timeoutMs: number): Promise<unknown> {
  return scriptRunner(client, timeoutMs)(one, ['key'], []).catch((error: unknown) => error)
}

describe('STO-13 a script for Redis', () => {
  it.each(['ready', 'wait', 'end'])('is sent at once to a client that is "%s"', async (status) => {
    const client = new Client()
    client.status = status
    expect(await run(client, 1_000)).toEqual(['answer'])
  })

  it.each(['connecting', 'connect', 'reconnecting', 'close'])(
    'is not sent to a client that is "%s"',
    async (status) => {
      const client = new Client()
      client.status = status
      const error = await run(client, 60)
      expect(error).toBeInstanceOf(StoreError)
      client.status = 'ready'
      await new Promise((resolve) => setTimeout(resolve, 40))
      expect(client.sent).toEqual([])
    },
  )

  it('is sent when the client has connected', async () => {
    const client = new Client()
    client.status = 'reconnecting'
    const answer = run(client, 10_000)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(client.sent).toEqual([])
    client.status = 'ready'
    expect(await answer).toEqual(['answer'])
    expect(client.sent).toEqual(['EVALSHA'])
  })

  it('that is not answered has an error with its time limit', async () => {
    const client = new Client()
    client.answer = () => new Promise(() => undefined)
    expect(await run(client, 60)).toMatchObject({ code: 'ERR_STORE', cause: { message: 'timed out after 60 ms' } })
  })

  it('closes a silent connection, and is sent once more if the client rejects it then', async () => {
    const client = new Client()
    client.answer = () =>
      new Promise((_, reject) => {
        client.stream.destroy = () => {
          client.closed += 1
          client.answer = async () => ['answer']
          reject(new Error('closed'))
        }
      })
    expect(await run(client, 400)).toEqual(['answer'])
    expect(client.closed).toBe(1)
    expect(client.sent).toEqual(['EVALSHA', 'EVALSHA'])
  })

  it('is not sent once more if the client rejects it for another reason', async () => {
    const client = new Client()
    client.answer = () => Promise.reject(new Error('READONLY'))
    expect(await run(client, 400)).toMatchObject({ cause: { message: 'READONLY' } })
    expect(client.sent).toEqual(['EVALSHA'])
  })

  it('is refused when it timed out, whatever arrives later', async () => {
    const client = new Client()
    let answer: ((value: unknown) => void) | undefined
    client.answer = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    const error = await run(client, 60)
    answer?.(['answer'])
    expect(error).toBeInstanceOf(StoreError)
    expect(client.closed).toBeGreaterThan(0)
  })
})

/** A client of the kind of node-redis, whose server a test plays. */
class Reopening {
  isOpen = true
  isReady = true
  sent: unknown[][] = []
  steps: string[] = []
  answer: () => Promise<unknown> = async () => ['answer']
  sendCommand(...parameters: unknown[]): Promise<unknown> {
    this.sent.push(parameters)
    return this.answer()
  }
  destroy(): void {
    this.steps.push('destroy')
  }
  connect(): Promise<unknown> {
    this.steps.push('connect')
    return Promise.reject(new Error('the server is down'))
  }
}

describe('STO-13 a script for Redis, in time', () => {
  const silent = (): Promise<unknown> => new Promise(() => undefined)
  const command = ['EVALSHA', one.sha1, '1', '{tag}:key', 'value']
  const runWith = (client: Reopening | Client): Promise<unknown> =>
    scriptRunner(client, 400)(one, ['{tag}:key'], ['value']).catch((error: unknown) => error)

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('is sent at once to a client of node-redis that is ready, or that its owner closed', async () => {
    for (const isOpen of [true, false]) {
      const client = Object.assign(new Reopening(), { isOpen, isReady: isOpen })
      expect(await runWith(client)).toEqual(['answer'])
      expect(client.sent).toEqual([[command]])
    }
  })

  it('is not sent to a client of node-redis that opens a connection, also when that is open later', async () => {
    const client = Object.assign(new Reopening(), { isReady: false })
    const answer = runWith(client)
    await vi.advanceTimersByTimeAsync(450)
    expect(await answer).toBeInstanceOf(StoreError)
    client.isReady = true
    await vi.advanceTimersByTimeAsync(450)
    expect(client.sent).toEqual([])
  })

  it('closes a silent connection of node-redis and opens another one, which may fail', async () => {
    const client = Object.assign(new Reopening(), { answer: silent })
    const answer = runWith(client)
    await vi.advanceTimersByTimeAsync(300)
    expect(client.steps).toEqual(['destroy', 'connect'])
    await vi.advanceTimersByTimeAsync(200)
    expect(await answer).toBeInstanceOf(StoreError)
  })

  it.each([{ isOpen: true }, { isOpen: false }])(
    'leaves a client of node-redis alone that is not ready: %o',
    async (state) => {
      const client = Object.assign(new Reopening(), { answer: silent })
      const answer = runWith(client)
      Object.assign(client, state, { isReady: false })
      await vi.advanceTimersByTimeAsync(500)
      expect(await answer).toBeInstanceOf(StoreError)
      expect(client.steps).toEqual([])
    },
  )

  it('closes a connection that was accepted and is silent before the client is ready', async () => {
    const client = Object.assign(new Client(), { answer: silent })
    const answer = runWith(client)
    client.status = 'connect'
    await vi.advanceTimersByTimeAsync(500)
    expect(await answer).toBeInstanceOf(StoreError)
    expect(client.closed).toBeGreaterThan(0)
  })

  it('that timed out is no sign of life of its connection', async () => {
    const client = Object.assign(new Client(), { answer: silent })
    const run = scriptRunner(client, 400)
    const first = run(one, ['key'], []).catch(() => 'late')
    await vi.advanceTimersByTimeAsync(240)
    expect(client.closed).toBe(1)
    const second = run(one, ['key'], []).catch(() => 'late')
    // The limit has doubled: the next silence lasts from 200 ms to 600 ms.
    await vi.advanceTimersByTimeAsync(390)
    expect(client.closed).toBe(2)
    await vi.advanceTimersByTimeAsync(100)
    expect(await Promise.all([first, second])).toEqual(['late', 'late'])
  })

  it('leaves no timer behind when it was answered', async () => {
    const client = new Client()
    expect(await runWith(client)).toEqual(['answer'])
    // The next look for silence finds that no script waits.
    await vi.advanceTimersByTimeAsync(100)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is sent to the primary of the node of its keys, with a client of node-redis for a cluster', async () => {
    const client = Object.assign(new Reopening(), { masters: [] })
    expect(await runWith(client)).toEqual(['answer'])
    expect(client.sent).toEqual([['{tag}:key', false, command]])
  })

  it('has a second for its answer unless the store has `timeoutMs`', async () => {
    const client = Object.assign(new Client(), { answer: silent })
    const { revocations } = redisStores({ client, secret: new Uint8Array(32) })
    const answer = Promise.resolve(revocations.findRevocations([], {})).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(1_100)
    expect(await answer).toMatchObject({ cause: { message: 'timed out after 1000 ms' } })
  })
})
