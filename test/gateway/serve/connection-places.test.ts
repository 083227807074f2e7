import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { connectionPlaces } from '../../../src/gateway/wire/connection-places.ts'

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
})
