import { describe, expect, it } from 'vitest'
import { createImmediateMutex } from '../../src/support/immediate-mutex.ts'

/** A task that ends when it is told to. */
function open<T>() {
  let end: { resolve: (value: T) => void; reject: (error: unknown) => void } | undefined
  const work = new Promise<T>((resolve, reject) => {
    end = { resolve, reject }
  })
  return { task: () => work, ...(end as NonNullable<typeof end>) }
}

describe('an immediate mutex', () => {
  it('returns the result of a task at once if no other is in progress', () => {
    const inTurn = createImmediateMutex()
    expect([inTurn(() => 1), inTurn(() => 2)]).toEqual([1, 2])
  })

  it('starts each task after the end of the one before, in the order of the calls', async () => {
    const inTurn = createImmediateMutex()
    const [first, third] = [open<string>(), open<string>()]
    const log: string[] = []
    const noting =
      <T>(name: string, task: () => T) =>
      (): T => {
        log.push(name)
        return task()
      }
    const results = [
      inTurn(noting('first', first.task)),
      inTurn(noting('second', () => 'b')),
      inTurn(noting('third', third.task)),
      inTurn(noting('fourth', () => 'd')),
    ]
    expect(log).toEqual(['first'])
    first.resolve('a')
    await results[1]
    expect(log).toEqual(['first', 'second', 'third'])
    third.resolve('c')
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd'])
    expect(log).toEqual(['first', 'second', 'third', 'fourth'])
    expect(inTurn(() => 'at once again')).toBe('at once again')
  })

  it('continues after a task that throws or rejects', async () => {
    const inTurn = createImmediateMutex()
    const fault = new Error('full')
    const fail = (): never => {
      throw fault
    }
    expect(() => inTurn(fail)).toThrow(fault)
    const first = open<void>()
    const results = [inTurn(first.task), inTurn(fail), inTurn(() => 'next')]
    first.reject(fault)
    expect(await Promise.allSettled(results)).toEqual([
      { status: 'rejected', reason: fault },
      { status: 'rejected', reason: fault },
      { status: 'fulfilled', value: 'next' },
    ])
    expect(inTurn(() => 1)).toBe(1)
  })

  it('lets a task that another one calls wait for its end', async () => {
    const inTurn = createImmediateMutex()
    const log: string[] = []
    let inner: unknown
    inTurn(() => {
      inner = inTurn(() => log.push('inner'))
      log.push('outer')
    })
    expect(log).toEqual(['outer'])
    expect(await inner).toBe(2)
    expect(log).toEqual(['outer', 'inner'])
  })

  it('starts 100,000 waiting tasks one after another, without nesting them', async () => {
    const inTurn = createImmediateMutex()
    const first = open<number>()
    const waiting = [inTurn(first.task), ...Array.from({ length: 100_000 }, (_, at) => inTurn(() => at))]
    first.resolve(-1)
    expect((await Promise.all(waiting)).every((result, at) => result === at - 1)).toBe(true)
  })
})
