import { describe, expect, it } from 'vitest'
import { createSemaphore } from '../../src/support/semaphore.ts'

const refused = new Error('refused')
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A semaphore with tasks that a test ends one by one. */
function scene(running: number, waiting: number) {
  const limit = createSemaphore({ running, waiting, refusal: () => refused })
  const begun: number[] = []
  const ends = new Map<number, (error?: Error) => void>()
  const run = (id: number): Promise<unknown> =>
    limit(
      () =>
        new Promise<number>((resolve, reject) => {
          begun.push(id)
          ends.set(id, (error) => (error === undefined ? resolve(id) : reject(error)))
        }),
    ).catch((cause: unknown) => cause)
  return { run, begun, end: (id: number, error?: Error) => ends.get(id)?.(error) }
}

describe('a semaphore', () => {
  it('runs this many tasks at once, queues this many more, and refuses the next at once', async () => {
    const { run, begun, end } = scene(2, 1)
    const tasks = [1, 2, 3].map(run)
    expect(await run(4)).toBe(refused)
    expect(begun).toEqual([1, 2])
    for (const id of [1, 2]) end(id)
    await settled()
    expect(begun).toEqual([1, 2, 3])
    end(3)
    expect(await Promise.all(tasks)).toEqual([1, 2, 3])
  })

  it('runs those that wait in their order, and a newcomer after them', async () => {
    const { run, begun, end } = scene(1, 3)
    const tasks = [1, 2, 3].map(run)
    end(1)
    // The turn has passed to 2 already, though it has not begun.
    tasks.push(run(4))
    for (const id of [2, 3, 4]) {
      await settled()
      expect(begun.at(-1)).toBe(id)
      end(id)
    }
    expect(await Promise.all(tasks)).toEqual([1, 2, 3, 4])
  })

  it('counts a task that has waited among those that run', async () => {
    const { run, begun, end } = scene(1, 2)
    const tasks = [1, 2].map(run)
    end(1)
    await settled()
    tasks.push(run(3))
    await settled()
    expect(begun).toEqual([1, 2])
    end(2)
    await settled()
    end(3)
    expect(await Promise.all(tasks)).toEqual([1, 2, 3])
  })

  it('gives the turn of a task that fails, or throws at once, to the next', async () => {
    const limit = createSemaphore({ running: 1, waiting: 0, refusal: () => refused })
    const failed = new Error('failed')
    const tasks: readonly (() => Promise<never>)[] = [
      () => Promise.reject(failed),
      () => {
        throw failed
      },
    ]
    for (const task of tasks) await expect(limit(task)).rejects.toBe(failed)
    expect(await limit(async () => 'done')).toBe('done')
  })
})
