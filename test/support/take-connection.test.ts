import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { takeConnection } from '../../src/support/take-connection.ts'

/**
 * What a server sends in one packet: the connection is complete, and it ends. `pg` reads both before any promise goes
 * on.
 */
function endingPool(connection: EventEmitter): { connect(): Promise<EventEmitter> } {
  const connect = (callback: (error: undefined, connection: EventEmitter) => void): void => {
    setImmediate(() => {
      callback(undefined, connection)
      connection.emit('error', new Error('terminating connection'))
    })
  }
  return { connect: connect as never }
}

describe('a connection taken from a pool', () => {
  it('STO-14 ends no process when the packet that completes it also says that the server ends', async () => {
    const connection = new EventEmitter()
    const losses: unknown[] = []
    const taken = await takeConnection(endingPool(connection), (error) => losses.push(error))
    expect(taken).toBe(connection)
    expect(losses).toEqual([new Error('terminating connection')])
  })

  it('has one listener, from a pool with promises alone and from one with both', async () => {
    const [plain, both] = [new EventEmitter(), new EventEmitter()]
    await takeConnection({ connect: async () => plain }, () => undefined)
    const connect = (callback: (error: undefined, connection: EventEmitter) => void): Promise<EventEmitter> => {
      callback(undefined, both)
      return Promise.resolve(both)
    }
    await takeConnection({ connect: connect as never }, () => undefined)
    expect([plain, both].map((one) => one.listenerCount('error'))).toEqual([1, 1])
  })

  it('fails as the pool does, in either way', async () => {
    const fault = new Error('refused')
    await expect(takeConnection({ connect: () => Promise.reject(fault) }, () => undefined)).rejects.toBe(fault)
    const failing = { connect: ((callback: (error: unknown) => void) => callback(fault)) as never }
    await expect(takeConnection(failing, () => undefined)).rejects.toBe(fault)
    const throwing = {
      connect(): never {
        throw fault
      },
    }
    await expect(takeConnection(throwing, () => undefined)).rejects.toBe(fault)
  })
})
