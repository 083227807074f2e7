import { describe, expect, it } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import { type CallingRedisClient, script, scriptRunner } from '../../src/state/redis/client.ts'

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
