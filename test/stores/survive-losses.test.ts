import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { poolRunner } from '../../src/stores/postgres/pool-runner.ts'
import { scriptRunner } from '../../src/stores/redis/client.ts'

describe('the loss of an idle connection', () => {
  it('does not end the process of a service whose client has no listener, and leaves other listeners alone', () => {
    const pool = Object.assign(new EventEmitter(), { idleCount: 0, connect: () => Promise.reject(new Error('down')) })
    const client = Object.assign(new EventEmitter(), { sendCommand: () => Promise.reject(new Error('down')) })
    for (const one of [pool, client]) expect(() => one.emit('error', new Error('lost'))).toThrow('lost')
    for (let at = 0; at < 3; at++) {
      poolRunner(pool)
      scriptRunner(client, 1_000)
    }
    for (const one of [pool, client]) {
      expect(one.emit('error', new Error('lost'))).toBe(true)
      expect(one.listenerCount('error')).toBe(1)
    }
    const own = Object.assign(new EventEmitter(), { sendCommand: () => Promise.reject(new Error('down')) })
    own.on('error', () => undefined)
    scriptRunner(own, 1_000)
    expect(own.listenerCount('error')).toBe(1)
  })
})
