import { Duplex } from 'node:stream'
import { sampleDenials } from 'procura/audit'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createApiConnections } from '../../../src/gateway/serve/api/api-connections.ts'

/** A connection whose client keeps its own end open. */
function connection() {
  let written = ''
  const socket = new Duplex({
    read() {},
    write(chunk, _, done) {
      written += String(chunk)
      done()
    },
  })
  return { socket: socket as never, written: () => written }
}

describe('a connection for an API', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  /** A connections whose calls end when the test ends them. */
  function open() {
    const ends: (() => void)[] = []
    const service = {
      call: (_: unknown, { admit }: { readonly admit: (caller: object) => boolean }) =>
        new Promise((resolve) => {
          admit({ principals: ['did:key:agent'] })
          ends.push(() => resolve({ allowed: true, recorded: true, value: new Response('done') }))
        }),
      revoke: () => undefined,
    }
    const config = { origin: 'https://api.example' }
    const current = {
      apis: new Map([['crm', config]]),
      audience: 'did:key:gateway',
      sink: { append: () => undefined },
      service,
    }
    const connections = createApiConnections({
      ...{
        snapshots: { current: () => current } as never,
        dryRun: false,
        sampler: sampleDenials(),
        onEvent: () => undefined,
      },
      mostUndecided: 4,
    })
    const client = connection()
    connections.enter(client.socket)
    connections.take(client.socket, 'crm')
    const send = async (bytes: string, isDone: () => boolean): Promise<void> => {
      ;(client.socket as Duplex).push(bytes)
      await vi.waitUntil(isDone)
    }
    return { client, ends, send }
  }
  const request = 'GET /a HTTP/1.1\r\nHost: api.example\r\nX-UCAN-Container: Babc\r\n\r\n'

  it('is closed after a minute without a request [GTW-71]', async () => {
    const { client } = open()
    await vi.advanceTimersByTimeAsync(59_999)
    expect((client.socket as Duplex).destroyed).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect([(client.socket as Duplex).destroyed, client.written()]).toEqual([true, ''])
  })

  it('has no time limit of its own when the call is decided [GTW-71]', async () => {
    const { client, ends, send } = open()
    await send(request, () => ends.length === 1)
    await vi.advanceTimersByTimeAsync(120_000)
    ends[0]?.()
    await vi.waitUntil(() => client.written().includes('done'))
    expect(client.written()).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('is closed without an answer when bytes follow its request: one could be taken for the response [GTW-61]', async () => {
    const { client, ends, send } = open()
    await send(request, () => ends.length === 1)
    await send('no request\r\n\r\n', () => (client.socket as Duplex).destroyed)
    expect(client.written()).toBe('')
  })
})
