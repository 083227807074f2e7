import process from 'node:process'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { unlessAborted } from '../../src/support/abort.ts'
import { sleep } from '../../src/support/back-off.ts'
import { withinDeadline } from '../../src/support/deadline.ts'
import { listenToAbort } from '../../src/support/listen-to-abort.ts'

const hang = (): Promise<never> => new Promise(() => undefined)

describe('a signal that many calls share', () => {
  it('ends all of them, and the process warns of no memory leak', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): number => warnings.push(warning)
    process.on('warning', note)
    const shared = new AbortController()
    const calls = Array.from({ length: 50 }, (_, index) =>
      index % 2 === 0 ? withinDeadline(60_000, { signals: [shared.signal] }, hang) : unlessAborted(hang, shared.signal),
    )
    const ends = Promise.allSettled(calls)
    const waits = Promise.all(Array.from({ length: 50 }, () => sleep(60_000, shared.signal)))
    await setImmediate()
    shared.abort('closing')
    await waits
    expect((await ends).every((end) => end.status === 'rejected' && end.reason === 'closing')).toBe(true)
    process.off('warning', note)
    expect(warnings).toEqual([])
  })

  it('may come from another library, and a runtime may have no `process`', () => {
    const heard: string[] = []
    const foreign = { addEventListener: (_type: string, listener: () => void) => listener() }
    listenToAbort(foreign as unknown as AbortSignal, () => heard.push('foreign'))
    const { process: own } = globalThis
    Object.defineProperty(globalThis, 'process', { value: undefined, configurable: true, writable: true })
    try {
      const controller = new AbortController()
      listenToAbort(controller.signal, () => heard.push('own'))
      controller.abort()
    } finally {
      Object.defineProperty(globalThis, 'process', { value: own, configurable: true, writable: true })
    }
    expect(heard).toEqual(['foreign', 'own'])
  })
})
