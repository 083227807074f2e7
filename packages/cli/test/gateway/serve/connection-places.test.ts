import { EventEmitter } from 'node:events'
import { type AddressInfo, connect, createServer, Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { connectionPlaces, limitConnections } from '../../../src/gateway/wire/connection-places.ts'

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()))

describe('the places of connections', () => {
  it('are for those that have begun, and then for the newest ones [GTW-22]', async () => {
    const places = connectionPlaces(3)
    const [begun, older, newer, next, last] = Array.from({ length: 5 }, () => new Socket()) as [
      ...[Socket, Socket, Socket, Socket, Socket],
    ]
    for (const socket of [begun, older, newer]) expect(places.take(socket)).toBe(true)
    places.begin(begun)
    const ended = closed(older)
    expect(places.take(next)).toBe(true)
    await ended
    expect([...places.open]).toEqual([begun, newer, next])
    places.begin(newer)
    places.begin(next)
    expect(places.take(last)).toBe(false)
    expect([begun, newer, next, last].map(({ destroyed }) => destroyed)).toEqual([false, false, false, false])
    const left = closed(newer)
    newer.destroy()
    await left
    expect(places.take(last)).toBe(true)
    for (const socket of places.open) socket.destroy()
  })

  it('are given up first by those that were refused and whose clients keep their ends open [GTW-22]', async () => {
    const places = connectionPlaces(2)
    const accepted: Socket[] = []
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      accepted.push(socket)
      expect(places.take(socket)).toBe(true)
      // As a refusal of a first line.
      if (accepted.length > 1) return
      places.begin(socket)
      socket.end('refused\n')
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const { port } = server.address() as AddressInfo
    const open = (): Socket => connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const clients = [open()]
    await new Promise((resolve) => clients[0]?.once('data', resolve))
    for (const count of [2, 3]) {
      clients.push(open())
      await expect.poll(() => accepted.length).toBe(count)
    }
    expect(accepted.map(({ destroyed }) => destroyed)).toEqual([true, false, false])
    expect([...places.open]).toEqual(accepted.slice(1))
    for (const socket of [...accepted, ...clients]) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })

  it('are never more than there may be, also before a closed connection has ended [GTW-22]', () => {
    const places = connectionPlaces(2)
    const sockets = Array.from({ length: 5 }, () => new Socket())
    for (const [at, socket] of sockets.entries()) {
      expect(places.take(socket)).toBe(true)
      expect([...places.open]).toEqual(sockets.slice(Math.max(0, at - 1), at + 1))
    }
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true, true, false, false])
    for (const socket of places.open) socket.destroy()
  })

  it('of a server close a connection for which there is no place [GTW-22]', () => {
    const server = new EventEmitter()
    const places = limitConnections(server, 1)
    const [first, second] = [new Socket(), new Socket()]
    server.emit('connection', first)
    places.begin(first)
    server.emit('connection', second)
    expect([first.destroyed, second.destroyed]).toEqual([false, true])
    first.destroy()
  })
})
