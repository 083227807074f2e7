import { describe, expect, it } from 'vitest'
import { type CircuitBreakerOptions, createCircuitBreaker } from '../../src/vault/circuit-breaker.ts'

const failed = new Error('failed')
const answered = new Error('answered')
const notAsked = new Error('not asked')
const refused = new Error('refused')

/** A breaker with a clock that a test moves, and tasks that count how often they ran. */
function scene(options: Partial<CircuitBreakerOptions> = {}) {
  const time = { now: 0, ran: 0 }
  const breaker = createCircuitBreaker({
    failures: 3,
    windowMs: 1_000,
    probeAfterMs: 500,
    monotonicMs: () => 7_000 + time.now,
    kindOf: (error) => (error === failed ? 'failed' : error === answered ? 'answered' : 'not-asked'),
    refusal: () => refused,
    ...options,
  })
  /** Runs a task with this ending, and returns how `run` ended. */
  const run = (error?: Error): Promise<unknown> =>
    breaker
      .run(async () => {
        time.ran += 1
        if (error !== undefined) throw error
        return 'done'
      })
      .catch((cause: unknown) => cause)
  const open = async (): Promise<void> => {
    for (let count = 0; count < 3; count += 1) await run(failed)
    expect(breaker.state).toBe('open')
  }
  return { breaker, time, run, open }
}

/** A task that ends when a test decides. */
function pending(): { task: () => Promise<string>; end: () => void; fail: (error: Error) => void } {
  const { promise, resolve, reject } = withResolvers()
  return { task: () => promise, end: () => resolve('done'), fail: reject }
}

function withResolvers(): {
  promise: Promise<string>
  resolve: (value: string) => void
  reject: (error: Error) => void
} {
  let resolve: (value: string) => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<string>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

describe('a circuit breaker that is closed', () => {
  it('passes results and errors on', async () => {
    const { breaker, run } = scene()
    expect([await run(), await run(failed), await run(answered)]).toEqual(['done', failed, answered])
    expect(breaker.state).toBe('closed')
  })

  it('opens at the last of so many failures within the window, whatever succeeds meanwhile', async () => {
    const { breaker, time, run } = scene()
    for (const at of [0, 500]) {
      time.now = at
      await run(failed)
      await run()
      expect(breaker.state).toBe('closed')
    }
    time.now = 999
    await run(failed)
    expect(breaker.state).toBe('open')
  })

  it('forgets a failure when the window has passed', async () => {
    const { breaker, time, run } = scene()
    for (const at of [0, 500, 1_000, 1_500, 2_000]) {
      time.now = at
      await run(failed)
    }
    expect(breaker.state).toBe('closed')
  })

  it('counts neither answers nor tasks that did not reach the service', async () => {
    const { breaker, run } = scene()
    for (let count = 0; count < 10; count += 1) await run(count % 2 === 0 ? answered : notAsked)
    expect(breaker.state).toBe('closed')
  })

  it('counts a task that throws before it returns a promise', async () => {
    const { breaker } = scene({ failures: 1 })
    const task = (): Promise<string> => {
      throw failed
    }
    await expect(breaker.run(task)).rejects.toBe(failed)
    expect(breaker.state).toBe('open')
  })
})

describe('a circuit breaker that is open', () => {
  it('runs nothing until it is time for a probe', async () => {
    const { time, run, open } = scene()
    await open()
    time.now = 499
    expect([await run(), await run()]).toEqual([refused, refused])
    expect(time.ran).toBe(3)
    time.now = 500
    expect(await run()).toBe('done')
    expect(time.ran).toBe(4)
  })

  it('runs one probe at a time, and refuses others at once meanwhile', async () => {
    const { breaker, time, run, open } = scene()
    await open()
    time.now = 500
    const { task, end } = pending()
    const probe = breaker.run(task)
    expect(breaker.state).toBe('probing')
    expect([await run(), await run()]).toEqual([refused, refused])
    end()
    expect(await probe).toBe('done')
    expect(breaker.state).toBe('closed')
  })

  it('is open for as long again after a probe that failed', async () => {
    const { breaker, time, run, open } = scene()
    await open()
    time.now = 600
    expect(await run(failed)).toBe(failed)
    time.now = 1_099
    expect(await run()).toBe(refused)
    time.now = 1_100
    expect(await run()).toBe('done')
    expect(breaker.state).toBe('closed')
  })

  it('closes when a probe is answered by an error, with no failure counted', async () => {
    const { breaker, time, run, open } = scene()
    await open()
    time.now = 500
    expect(await run(answered)).toBe(answered)
    expect(breaker.state).toBe('closed')
    await run(failed)
    await run(failed)
    expect(breaker.state).toBe('closed')
    await run(failed)
    expect(breaker.state).toBe('open')
  })

  it('makes the next task the probe when a probe did not reach the service', async () => {
    const { breaker, time, run, open } = scene()
    await open()
    time.now = 500
    expect(await run(notAsked)).toBe(notAsked)
    expect(breaker.state).toBe('open')
    expect(await run()).toBe('done')
    expect(breaker.state).toBe('closed')
  })
})

describe('a task that began before the state changed', () => {
  it('does not move an open breaker, nor a probe', async () => {
    const { breaker, time, run, open } = scene()
    const [early, late] = [pending(), pending()]
    const tasks = [breaker.run(early.task), breaker.run(late.task).catch((error: unknown) => error)]
    await open()
    early.end()
    await tasks[0]
    expect(breaker.state).toBe('open')
    time.now = 500
    const { task, end } = pending()
    const probe = breaker.run(task)
    late.fail(failed)
    expect(await tasks[1]).toBe(failed)
    expect(breaker.state).toBe('probing')
    end()
    await probe
    expect(await run()).toBe('done')
  })

  it('is not counted after the breaker has closed again', async () => {
    const { breaker, time, run, open } = scene()
    const late = [pending(), pending(), pending()]
    const tasks = late.map(({ task }) => breaker.run(task).catch((error: unknown) => error))
    await open()
    time.now = 500
    await run()
    for (const { fail } of late) fail(failed)
    expect(await Promise.all(tasks)).toEqual([failed, failed, failed])
    expect(breaker.state).toBe('closed')
  })
})
