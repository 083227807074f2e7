import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import process from 'node:process'
import { describe, expect, it } from 'vitest'
import { followClient } from '../../../src/http/adapters/follow-client.ts'

const requests = 20

/** Follows requests that a client sends at once, and answers them in the reverse order. */
async function follow(limit: number, later: (socket: Socket) => void = () => undefined): Promise<object> {
  const warnings: string[] = []
  const onWarning = ({ message }: Error): unknown => warnings.push(message)
  process.on('warning', onWarning)
  const clients: { readonly client: ReturnType<typeof followClient>; readonly response: ServerResponse }[] = []
  let accepted: Socket | undefined
  const server = createServer((request, response) => {
    clients.push({ client: followClient(request.socket, response), response })
  })
  server.on('connection', (socket) => {
    accepted = socket.setMaxListeners(limit)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  try {
    let received = ''
    socket.on('data', (chunk) => (received += chunk))
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(requests))
    await expect.poll(() => clients.length).toBe(requests)
    const server = accepted as Socket
    later(server)
    for (const { client, response } of [...clients].reverse()) {
      response.end('answer')
      client.leave()
    }
    await expect.poll(() => received.split('answer').length - 1).toBe(requests)
    const aborted = clients.filter(({ client }) => client.signal.aborted).length
    return { limit: server.getMaxListeners(), aborted, warnings }
  } finally {
    process.off('warning', onWarning)
    socket.destroy()
    server.close()
  }
}

describe('HTP-26 a client that stays', () => {
  it.each([0, 3, 10, Number.POSITIVE_INFINITY])(
    'causes no warning, and its connection may have as many listeners as before: %s',
    async (limit) => {
      expect(await follow(limit)).toEqual({ limit, aborted: 0, warnings: [] })
    },
  )

  it('may get any number of listeners from the program meanwhile', async () => {
    const answered = await follow(10, (socket) => socket.setMaxListeners(0))
    expect(answered).toEqual({ limit: 0, aborted: 0, warnings: [] })
  })
})
