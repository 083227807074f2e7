// Run by unhandled.test.ts in a test runner of its own.
import { EventEmitter } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, it } from 'vitest'

it('a rejection', () => {
  void Promise.reject(new Error('lost'))
})

it('undefined as a rejection', () => {
  void Promise.reject(undefined)
})

it('a rejection that is handled too late', async () => {
  const lost = Promise.reject(new Error('lost'))
  await wait(5)
  await expect(lost).rejects.toThrow('lost')
})

it('an exception of a timer', async () => {
  setTimeout(() => {
    throw new Error('lost')
  }, 0)
  await wait(5)
})

it('a warning of a memory leak', async () => {
  const emitter = new EventEmitter()
  for (let count = 0; count <= EventEmitter.defaultMaxListeners; count++) emitter.on('end', () => undefined)
  await wait(5)
})

it('nothing', async () => {
  await expect(Promise.reject(new Error('handled'))).rejects.toThrow('handled')
})
