import { getEventListeners, setMaxListeners } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import type { AuditSink } from '../../src/audit/sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import type { GuardedCall } from '../../src/guard/call.ts'
import { createGuard } from '../../src/guard/guard.ts'
import type { GuardOptions } from '../../src/guard/options.ts'
import { actor } from '../support/actors.ts'
import { guardOptionsFor } from '../support/guard.ts'
import { call, chainOf } from '../support/service.ts'

const [alice, bob] = [await actor('alice'), await actor('bob')]
const proofs = await chainOf(alice, bob)
const send = defineCommand({ command: '/mail/send', args: { to: z.string() } })
const left = new Error('the agent went away')

afterEach(() => vi.restoreAllMocks())

function setUp(change: Partial<GuardOptions> = {}) {
  const sink = memoryAuditSink()
  const guard = createGuard(guardOptionsFor(alice, send, { audit: { sink }, ...change }))
  const kinds = (): string[] =>
    sink.records().map(({ event }) => ('status' in event ? `${event.kind} ${event.status}` : event.kind))
  return { guard, sink, kinds }
}

const container = async (): Promise<string> =>
  encodeContainer([await call({ issuer: bob, proofs, args: { to: 'ann@example.com' } }), ...proofs])

/** Counts the timers and the signals that are made, and the timers that still run. */
function counting() {
  const open = new Set<unknown>()
  const counts = { timers: 0, signals: 0, open: () => open.size }
  const { setTimeout: start, clearTimeout: clear } = globalThis
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((task: () => void, ms: number) => {
    counts.timers++
    const timer = start(() => {
      open.delete(timer)
      task()
    }, ms)
    open.add(timer)
    return timer
  }) as typeof setTimeout)
  vi.spyOn(globalThis, 'clearTimeout').mockImplementation((timer) => {
    open.delete(timer)
    clear(timer)
  })
  class Counted extends AbortController {
    constructor() {
      super()
      counts.signals++
    }
  }
  vi.stubGlobal('AbortController', Counted)
  return counts
}

describe('a call whose parts answer at once', () => {
  afterEach(() => vi.unstubAllGlobals())

  it('GRD-04 has no timer and no signal', async () => {
    const { guard, kinds } = setUp()
    const received = await container()
    const counts = counting()
    const result = await guard.use(received, ({ args }) => args)
    expect(result).toMatchObject({ allowed: true, recorded: true, value: { to: 'ann@example.com' } })
    expect([counts.timers, counts.signals, counts.open()]).toEqual([0, 0, 0])
    expect(kinds()).toEqual(['intent', 'outcome ok'])
  })

  it('starts no handler before `use` has returned: a caller who aborts then is refused', async () => {
    const { guard, sink } = setUp()
    const agent = new AbortController()
    const handler = vi.fn()
    const using = guard.use(await container(), handler, { signal: agent.signal })
    expect(handler).not.toHaveBeenCalled()
    agent.abort(left)
    expect(await using).toMatchObject({ allowed: false, denial: { code: 'audit_unavailable' } })
    expect(handler).not.toHaveBeenCalled()
    expect(sink.records()).toEqual([])
  })

  it('GRD-04 has two timers for its two records, if a sink makes it wait for them', async () => {
    const memory = memoryAuditSink()
    const slow: AuditSink = { ...memory, append: (event, options) => memory.append(event, options) }
    const { guard } = setUp({ audit: { sink: slow } })
    const received = await container()
    const counts = counting()
    expect(await guard.use(received, ({ args }) => args)).toMatchObject({ allowed: true, recorded: true })
    expect([counts.timers, counts.signals, counts.open()]).toEqual([2, 0, 0])
    expect(memory.records()).toHaveLength(2)
  })

  it.each<[string, number, number, (call: GuardedCall) => unknown]>([
    ['a handler that waits has a timer', 1, 0, async () => 1],
    ['a handler that reads its signal has both', 1, 1, ({ signal }) => signal.aborted],
    ['a handler that copies its call has both', 1, 1, (call) => ({ ...call }).signal.aborted],
  ])('GRD-04 leaves no timer behind: %s', async (_name, timers, signals, handler) => {
    const { guard } = setUp()
    const received = await container()
    const counts = counting()
    await guard.use(received, handler)
    expect([counts.timers, counts.signals, counts.open()]).toEqual([timers, signals, 0])
  })

  it('GRD-15 leaves nothing at the signal of a caller, over many calls', async () => {
    const { guard } = setUp()
    const agent = new AbortController()
    const { signal } = agent
    // Fifty calls at once follow it, and Node warns of a leak at eleven. The listeners are counted below.
    setMaxListeners(0, signal)
    const handlers: ((call: GuardedCall) => unknown)[] = [
      () => 1,
      async () => 1,
      (call) => call.signal.aborted,
      () => Promise.reject(left),
      () => {
        throw left
      },
    ]
    const received = await Promise.all(Array.from({ length: 50 }, container))
    const counts = counting()
    await Promise.allSettled(received.map((one, i) => guard.use(one, handlers[i % 5] as () => unknown, { signal })))
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(counts.open()).toBe(0)
  })
})

describe('the signal of a handler', () => {
  it('GRD-04 is a property of the call, and the same signal for every reader', async () => {
    const { guard } = setUp()
    await guard.use(await container(), (call) => {
      const { signal } = call
      expect(signal).toBeInstanceOf(AbortSignal)
      expect([call.signal, { ...call }.signal, Object.assign({}, call).signal]).toEqual([signal, signal, signal])
      expect(Object.keys(call)).toContain('signal')
      expect(Object.isFrozen(call)).toBe(true)
    })
  })

  it('GRD-04 is aborted when it is read after the deadline that nobody observed', async () => {
    const { guard, kinds } = setUp({ deadlines: { handlerMs: 20 } })
    let kept: GuardedCall | undefined
    const used = guard.use(await container(), (call) => {
      kept = call
      return new Promise(() => undefined)
    })
    const error = await used.catch((reason: unknown) => reason)
    expect(error).toMatchObject({ message: /^the handler timed out after 20 ms/ })
    expect([kept?.signal.aborted, kept?.signal.reason]).toEqual([true, error])
    let called = false
    kept?.signal.addEventListener('abort', () => {
      called = true
    })
    await wait(10)
    expect(called).toBe(false)
    expect(kinds()).toEqual(['intent', 'outcome unknown'])
  })

  it.each(['read early', 'read late'])('GRD-10 has the reason of a caller who gives up: %s', async (when) => {
    const { guard, kinds } = setUp()
    const agent = new AbortController()
    let kept: GuardedCall | undefined
    const reasons: unknown[] = []
    const handler = async (call: GuardedCall): Promise<void> => {
      kept = call
      if (when === 'read early') call.signal.addEventListener('abort', () => reasons.push(call.signal.reason))
      await wait(1)
      agent.abort(left)
      await wait(1)
      reasons.push(call.signal.reason)
    }
    await expect(guard.use(await container(), handler, { signal: agent.signal })).rejects.toBe(left)
    await wait(20)
    expect(reasons).toEqual(when === 'read early' ? [left, left] : [left])
    expect(kept?.signal.aborted).toBe(true)
    expect(kinds()).toEqual(['intent', 'outcome unknown'])
  })

  it('GRD-10 aborts a request that it was passed to', async () => {
    const { guard } = setUp({ deadlines: { handlerMs: 20 } })
    let request: Request | undefined
    const used = guard.use(await container(), async ({ signal }) => {
      request = new Request('https://upstream.example/', { signal })
      await new Promise(() => undefined)
    })
    await expect(used).rejects.toThrow('timed out')
    expect(request?.signal.aborted).toBe(true)
  })

  it('GRD-10 is not read for a caller who had given up: nothing is done', async () => {
    const { guard, kinds } = setUp()
    const ran = vi.fn()
    await expect(guard.use(await container(), ran, { signal: AbortSignal.abort(left) })).rejects.toBe(left)
    expect(ran).not.toHaveBeenCalled()
    expect(kinds()).toEqual([])
  })

  it('GRD-10 ends a call whose handler answers at once and has aborted it', async () => {
    const { guard, kinds } = setUp()
    const agent = new AbortController()
    const handler = (): number => {
      agent.abort(left)
      return 1
    }
    await expect(guard.use(await container(), handler, { signal: agent.signal })).rejects.toBe(left)
    expect(kinds()).toEqual(['intent', 'outcome unknown'])
  })

  it('GRD-10 stays as it is after the end of the call, whatever the caller and the guard do', async () => {
    const { guard } = setUp({ deadlines: { handlerMs: 20 } })
    const agent = new AbortController()
    const calls: GuardedCall[] = []
    for (const handler of [(call: GuardedCall) => calls.push(call), async (call: GuardedCall) => calls.push(call)]) {
      await guard.use(await container(), handler, { signal: agent.signal })
    }
    const early = calls.map(({ signal }) => signal)
    agent.abort(left)
    await guard.close()
    await wait(30)
    expect([...early, ...calls.map(({ signal }) => signal)].map(({ aborted }) => aborted)).toEqual(Array(4).fill(false))
    expect(getEventListeners(agent.signal, 'abort')).toEqual([])
  })

  it.each(['read', 'never read'])('GRD-06 is aborted when the guard has closed: %s before', async (when) => {
    const { guard, kinds } = setUp({ deadlines: { closeMs: 20 } })
    let kept: GuardedCall | undefined
    let began: () => void = () => undefined
    const hasBegun = new Promise<void>((resolve) => {
      began = resolve
    })
    const used = guard.use(await container(), (call) => {
      kept = call
      if (when === 'read') expect(call.signal.aborted).toBe(false)
      began()
      return new Promise(() => undefined)
    })
    await hasBegun
    await Promise.all([expect(used).rejects.toThrow('the guard is closing'), guard.close()])
    expect(kept?.signal.reason).toMatchObject({ message: 'the guard is closing' })
    expect(kinds()).toEqual(['intent', 'outcome unknown'])
  })

  it('GRD-10 is not replaced by a value whose `then` changes', async () => {
    const { guard } = setUp()
    let reads = 0
    const get = (): unknown => (reads++ === 0 ? undefined : () => undefined)
    const changing = Object.defineProperty({}, 'then', { get })
    const result = await guard.use(await container(), () => changing)
    expect(result).toMatchObject({ allowed: true, recorded: true })
  })
})

describe('a handler that returns an object with a method `then`', () => {
  const never = new Promise<never>(() => undefined)
  type Then = (resolve: (value: unknown) => void) => unknown
  const withThen = <T extends object>(target: T, value: Then): T => Object.defineProperty(target, 'then', { value })
  class Own extends Promise<unknown> {}
  withThen(Own.prototype, (resolve) => resolve(never))

  it.each<[string, () => unknown]>([
    ['that calls nothing back', () => withThen({}, () => undefined)],
    ['that passes on a promise that never settles', () => withThen({}, (resolve) => resolve(never))],
    ['of a class of promises of its own', () => Own.resolve(1)],
  ])(
    'GRD-04 has the deadline of a handler: %s',
    async (_name, handler) => {
      const { guard, kinds } = setUp({ deadlines: { handlerMs: 20 } })
      const used = guard.use(await container(), handler)
      await expect(used).rejects.toThrow('timed out after 20 ms')
      expect(kinds()).toEqual(['intent', 'outcome unknown'])
      await guard.close()
    },
    2_000,
  )
})

describe('the signal of a store or a sink', () => {
  it('GRD-04 is there when a store reads it, and aborted at the deadline of the decision', async () => {
    const signals: AbortSignal[] = []
    const { guard } = setUp({
      deadlines: { decisionMs: 20 },
      replay: {
        claim: (_key, _expiration, { signal }) => {
          if (signal !== undefined) signals.push(signal)
          return new Promise<boolean>(() => undefined)
        },
      },
    })
    const result = await guard.use(await container(), () => 1)
    expect(result).toMatchObject({ allowed: false, denial: { code: 'deadline_exceeded' } })
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  })

  it('AUD-05 is aborted at the deadline of the sink, read before or after', async () => {
    for (const late of [false, true]) {
      const given: { readonly signal?: AbortSignal | undefined }[] = []
      const sink: AuditSink = {
        name: 'hanging',
        append: (_event, options) => {
          given.push(late ? options : { ...options })
          return new Promise(() => undefined)
        },
        close: async () => undefined,
      }
      const { guard } = setUp({ audit: { sink, deadlineMs: 20 } })
      expect(await guard.use(await container(), () => 1)).toMatchObject({ denial: { code: 'audit_unavailable' } })
      expect(given.map(({ signal }) => signal?.reason)).toEqual([
        expect.objectContaining({ code: 'ERR_AUDIT_DEADLINE' }),
      ])
    }
  })

  it('AUD-01 comes from a copy of the options, if a wrapper has replaced it', async () => {
    const memory = memoryAuditSink()
    const sink: AuditSink = {
      name: 'wrapper',
      append: (event, options) => memory.append(event, { ...options, signal: AbortSignal.abort(left) }),
      close: async () => undefined,
    }
    const { guard } = setUp({ audit: { sink } })
    expect(await guard.use(await container(), () => 1)).toMatchObject({ denial: { code: 'audit_unavailable' } })
    expect(memory.lines()).toEqual([])
  })

  it('AUD-01 keeps a record from being written that waited until its deadline had passed, unread', async () => {
    let go: () => void = () => undefined
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    const memory = memoryAuditSink()
    const slow: AuditSink = {
      name: 'slow',
      append: async (event, options) => {
        await gate
        return memory.append(event, options)
      },
      close: async () => undefined,
    }
    const { guard } = setUp({ audit: { sink: slow, deadlineMs: 20 } })
    expect(await guard.use(await container(), () => 1)).toMatchObject({ denial: { code: 'audit_unavailable' } })
    go()
    await wait(5)
    expect(memory.lines()).toEqual([])
  })
})
