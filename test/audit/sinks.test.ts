import { AsyncLocalStorage } from 'node:async_hooks'
import { getEventListeners } from 'node:events'
import { Writable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { chainedSink } from '../../src/audit/chained-sink.ts'
import { allOf } from '../../src/audit/combine/all-of.ts'
import { anyOf } from '../../src/audit/combine/any-of.ts'
import { bestEffort } from '../../src/audit/combine/best-effort.ts'
import { withDeadline } from '../../src/audit/combine/with-deadline.ts'
import { withHealth } from '../../src/audit/combine/with-health.ts'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import type { AuditSink, Confirmation } from '../../src/audit/sink.ts'
import { callbackAuditSink } from '../../src/audit/sinks/callback-audit-sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { type OtelLogRecord, otelAuditSink } from '../../src/audit/sinks/otel-audit-sink.ts'
import { stdoutAuditSink } from '../../src/audit/sinks/stdout-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { ArgumentError, AuditError } from '../../src/errors.ts'
import { agent, alice, denied, fakeSink, intent, outcome } from './events.ts'

const failing = fakeSink('failing', async () => {
  throw new Error('no route to 10.0.0.1')
})
const hanging = fakeSink('hanging', () => new Promise(() => undefined))

describe('a sink', () => {
  it('AUD-01 confirms with number, hash and durability of the record', async () => {
    const sink = memoryAuditSink({ name: 'mine' })
    await sink.append(intent(1), {})
    expect(await sink.append(intent(2), {})).toEqual({
      sink: 'mine',
      durability: 'process',
      sequence: 2,
      hash: sink.records()[1]?.hash,
    })
    expect(sink.records()[1]?.previous).toBe(sink.records()[0]?.hash)
  })

  it('AUD-01 confirms without options too, whatever it is wrapped in', async () => {
    const sink = memoryAuditSink()
    const onFailure = (): void => undefined
    for (const one of [
      sink,
      withDeadline(sink),
      withHealth(sink),
      bestEffort(sink, { onFailure }),
      allOf([sink]),
      anyOf([sink], { onFailure }),
    ]) {
      const append = one.append as unknown as (event: AuditEvent) => Promise<Confirmation>
      await expect(append(intent(1)), one.name).resolves.toMatchObject({ durability: expect.any(String) })
    }
  })

  it('AUD-01 refuses events once it is closed', async () => {
    const sink = memoryAuditSink()
    await sink.close()
    await expect(sink.append(intent(1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_CLOSED' })
  })

  it('AUD-01 writes nothing after its end, not even a prepared event', async () => {
    const steps: string[] = []
    const write = (): void => void steps.push('write')
    const sink = chainedSink({ name: 'x', durability: 'disk', write, close: () => void steps.push('close') })
    const early = sink.append(intent(1, { args: { to: 'a'.repeat(9_000) } }), {})
    await sink.close()
    await expect(early).rejects.toMatchObject({ code: 'ERR_AUDIT_CLOSED' })
    expect(steps).toEqual(['close'])
  })

  it('AUD-01 does not write an abandoned event', async () => {
    const sink = memoryAuditSink()
    const controller = new AbortController()
    controller.abort(new Error('late'))
    await expect(sink.append(intent(1), { signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_AUDIT_UNCONFIRMED',
    })
    expect(sink.records()).toEqual([])
  })

  it('AUD-01 in memory refuses events when it is full, and drops no records', async () => {
    const sink = memoryAuditSink({ maxRecords: 1 })
    await sink.append(intent(1), {})
    await expect(sink.append(intent(2), {})).rejects.toThrow(AuditError)
    expect(sink.records()).toHaveLength(1)
  })

  it('AUD-01 with a callback keeps order and chain under concurrency and failure', async () => {
    const lines: string[] = []
    let calls = 0
    const sink = callbackAuditSink({
      durability: 'remote',
      async write(_record, line) {
        await new Promise((resolve) => setTimeout(resolve, calls++ % 3))
        if (calls % 5 === 0) throw new Error('refused')
        lines.push(line)
      },
    })
    const results = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => sink.append(intent(i), {})))
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(10)
    expect(await verifyAuditLog(lines)).toMatchObject({ valid: true, records: 40 })
  })
})

describe('several sinks', () => {
  it('AUD-02 of `allOf` must all confirm, or the event is not confirmed', async () => {
    const [one, other] = [memoryAuditSink({ name: 'one' }), memoryAuditSink({ name: 'other' })]
    expect(await allOf([one, other]).append(intent(1), {})).toMatchObject({ sink: 'one', sequence: 1 })
    await expect(allOf([one, failing, other]).append(intent(2), {})).rejects.toMatchObject({
      code: 'ERR_AUDIT_UNCONFIRMED',
    })
    expect([one.records().length, other.records().length]).toEqual([2, 2])
  })

  it('AUD-02 of `allOf` are as durable as the least durable one', async () => {
    const confirm = (durability: Confirmation['durability']) =>
      fakeSink(durability, async () => ({ sink: durability, durability }))
    const sink = allOf([confirm('remote'), confirm('system'), confirm('disk')])
    expect(await sink.append(intent(1), {})).toEqual({ sink: 'remote', durability: 'system' })
  })

  it('AUD-03 of `anyOf` confirm when one does, and the failure of another is reported', async () => {
    const failures: string[] = []
    const memory = memoryAuditSink()
    const onFailure = ({ sink, error }: { sink: string; error: AuditError }): void => {
      failures.push(`${sink} ${error.code}`)
    }
    const sink = anyOf([failing, withDeadline(hanging, { deadlineMs: 20 }), memory], { onFailure })
    expect(await sink.append(intent(1), {})).toMatchObject({ sink: 'memory', sequence: 1 })
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect(failures).toEqual(['failing ERR_AUDIT_UNCONFIRMED', 'hanging ERR_AUDIT_DEADLINE'])
    await expect(anyOf([failing, failing], { onFailure }).append(intent(2), {})).rejects.toMatchObject({
      code: 'ERR_AUDIT_UNCONFIRMED',
    })
  })

  it('AUD-04 with `bestEffort` may fail beside the others, and the failure is reported', async () => {
    const failures: string[] = []
    const memory = memoryAuditSink()
    const sink = allOf([memory, bestEffort(failing, { onFailure: ({ sink: name }) => void failures.push(name) })])
    expect(await sink.append(intent(1), {})).toMatchObject({ sink: 'memory' })
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(failures).toEqual(['failing'])
  })

  it('AUD-03 AUD-04 may hang: each failure is reported, and at most 1,000 events are handed over [attack 78]', async () => {
    for (const beside of ['anyOf', 'bestEffort'] as const) {
      let asked = 0
      let told = 0
      const silent = fakeSink('silent', () => {
        asked++
        return new Promise(() => undefined)
      })
      const options = { deadlineMs: 20, onFailure: () => void told++ }
      const memory = memoryAuditSink({ maxRecords: 2_000 })
      const sink = beside === 'anyOf' ? anyOf([silent, memory], options) : allOf([memory, bestEffort(silent, options)])
      for (let i = 0; i < 1_500; i++) await sink.append(intent(i), {})
      await new Promise((resolve) => setTimeout(resolve, 40))
      expect([beside, asked, told]).toEqual([beside, 1_000, 1_500])
    }
  })

  it('AUD-02 AUD-03 are at least one, and are closed together', async () => {
    expect(() => allOf([])).toThrow(ArgumentError)
    expect(() => anyOf([], { onFailure: () => undefined })).toThrow(ArgumentError)
    const one = fakeSink('one', async () => ({ sink: 'one', durability: 'process' }))
    const bad = { ...one, close: () => Promise.reject(new Error('busy')) }
    await expect(allOf([bad, one]).close()).rejects.toThrow('busy')
    expect(one.closed()).toBe(true)
  })
})

describe('a sink of a writer', () => {
  it('writes each record in the asynchronous context of its caller', async () => {
    const context = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const sink = callbackAuditSink({
      write: async () => {
        seen.push(context.getStore())
        await nextTurn()
      },
    })
    await Promise.all(['a', 'b', 'c'].map((name, at) => context.run(name, () => sink.append(intent(at), {}))))
    expect(seen).toEqual(['a', 'b', 'c'])
  })

  it('closes its writer once, also if that closes the sink', async () => {
    let closed = 0
    const sink = chainedSink({
      name: 'own',
      durability: 'disk',
      write: () => undefined,
      close: () => {
        closed += 1
        void sink.close()
      },
    })
    expect(await sink.close()).toBeUndefined()
    expect(closed).toBe(1)
  })
})

describe('a deadline', () => {
  it('AUD-05 refuses an event after the deadline, and aborts the append [attack 78]', async () => {
    let aborted: unknown
    const sink = fakeSink('slow', (_event, { signal }) => {
      signal?.addEventListener('abort', () => {
        aborted = signal.reason
      })
      return new Promise(() => undefined)
    })
    // Timers of one process fire in order, however busy the machine is.
    const fired: string[] = []
    const timers = [450, 600].map((ms) => setTimeout(() => fired.push(`after ${ms} ms`), ms))
    await expect(withDeadline(sink).append(intent(1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_DEADLINE' })
    expect(fired).toEqual(['after 450 ms'])
    for (const timer of timers) clearTimeout(timer)
    expect(aborted).toMatchObject({ code: 'ERR_AUDIT_DEADLINE' })
  })

  it('AUD-05 refuses events at once while 1,000 appends hang [attack 78]', async () => {
    let calls = 0
    const sink = withDeadline(
      fakeSink('hanging', () => {
        calls++
        return new Promise(() => undefined)
      }),
      { deadlineMs: 20 },
    )
    const results = await Promise.allSettled(Array.from({ length: 1500 }, (_, i) => sink.append(intent(i), {})))
    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(calls).toBe(1000)
    await expect(sink.append(intent(1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    expect(calls).toBe(1000)
  })

  it('AUD-05 accepts events again when the sink works again', async () => {
    let release: ((confirmation: Confirmation) => void) | undefined
    const slow = fakeSink('slow', () => new Promise((resolve) => (release = resolve)))
    const sink = withDeadline(slow, { deadlineMs: 10, maxInFlight: 1 })
    await expect(sink.append(intent(1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_DEADLINE' })
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    release?.({ sink: 'slow', durability: 'disk' })
    await new Promise((resolve) => setTimeout(resolve, 0))
    const answer = sink.append(intent(3), {})
    release?.({ sink: 'slow', durability: 'disk' })
    expect(await answer).toMatchObject({ durability: 'disk' })
    expect(() => withDeadline(slow, { deadlineMs: 0 })).toThrow(ArgumentError)
  })

  it('AUD-05 leaves no listener on a long-lived signal, whether the sink confirms, fails or hangs', async () => {
    const { signal } = new AbortController()
    const left = (): number => getEventListeners(signal, 'abort').length
    const confirming = fakeSink('confirming', async () => ({ sink: 'confirming', durability: 'disk' }))
    for (const inner of [confirming, failing, hanging]) {
      const sink = withDeadline(inner, { deadlineMs: 10 })
      const answers = Array.from({ length: 9 }, (_, i) => sink.append(intent(i), { signal }))
      expect(left()).toBe(9)
      await Promise.allSettled(answers)
      expect(left()).toBe(0)
    }
  })

  it('AUD-05 leaves no listener and no timer behind a writer that answers at once and has read its signal', async () => {
    const { signal } = new AbortController()
    const left = (): number => getEventListeners(signal, 'abort').length
    const seen: unknown[] = []
    const write =
      (fault?: Error) => (_record: unknown, _line: string, options: { signal?: AbortSignal | undefined }) => {
        seen.push(options.signal?.aborted, left())
        if (fault !== undefined) throw fault
      }
    const timers = vi.spyOn(globalThis, 'setTimeout')
    const ended = vi.spyOn(globalThis, 'clearTimeout')
    for (const fault of [undefined, new Error('full')]) {
      const sink = withDeadline(chainedSink({ name: 'own', durability: 'disk', write: write(fault) }), {
        deadlineMs: 9,
      })
      await sink.append(intent(1), { signal }).catch((error) => expect(error).toMatchObject({ cause: fault }))
      expect(left()).toBe(0)
    }
    expect(seen).toEqual([false, 1, false, 1])
    const made = timers.mock.results.map(({ value }) => value)
    expect(made).toHaveLength(2)
    expect(ended.mock.calls.flat()).toEqual(expect.arrayContaining(made))
    vi.restoreAllMocks()
  })

  it('AUD-05 refuses an event that waits for its turn behind a write that hangs, and that event is not written', async () => {
    const lines: string[] = []
    let end: () => void = () => undefined
    const first = new Promise<void>((resolve) => {
      end = resolve
    })
    const inner = chainedSink({
      name: 'own',
      durability: 'disk',
      write: async (_record, line) => {
        if (lines.length === 0) await first
        lines.push(line)
      },
    })
    const sink = withDeadline(inner, { deadlineMs: 9 })
    const results = await Promise.allSettled([sink.append(intent(1), {}), sink.append(intent(2), {})])
    expect(results.map((result) => result.status === 'rejected' && result.reason.code)).toEqual([
      'ERR_AUDIT_DEADLINE',
      'ERR_AUDIT_DEADLINE',
    ])
    end()
    expect(await inner.append(intent(3), {})).toMatchObject({ sequence: 2 })
    expect(lines).toHaveLength(2)
  })

  it('AUD-05 refuses a value that is not an event with the error of a sink that has not confirmed', async () => {
    const sink = withDeadline(memoryAuditSink())
    await expect(sink.append({ kind: 'party' } as never, {})).rejects.toMatchObject({
      code: 'ERR_AUDIT_UNCONFIRMED',
      cause: { name: 'ArgumentError' },
    })
    expect(await sink.append(intent(1), {})).toMatchObject({ sequence: 1 })
  })

  it('AUD-05 AUD-23 refuses a record whose hash is not one, whether the hash is there at once or later', async () => {
    const short = new Uint8Array(3)
    for (const sha256 of [() => short, async () => short]) {
      const sink = withDeadline(chainedSink({ name: 'own', durability: 'disk', write: () => undefined }, { sha256 }))
      await expect(sink.append(intent(1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    }
  })

  it('AUD-05 refuses a value that is not a signal, appends nothing, and counts nothing', async () => {
    const kinds: unknown[] = []
    const inner = fakeSink('own', async ({ kind }) => {
      kinds.push(kind)
      return { sink: 'own', durability: 'disk' }
    })
    const sink = withDeadline(inner, { maxInFlight: 1 })
    for (const signal of [null, {}, 'aborted'] as never[]) {
      await expect(sink.append(intent(1), { signal })).rejects.toThrow('append: `signal` must be an AbortSignal')
    }
    expect(await sink.append(outcome(1, 2), {})).toMatchObject({ sink: 'own' })
    expect(kinds).toEqual(['outcome'])
  })

  it('AUD-05 answers for a sink whose failure cannot be described', async () => {
    let isGone = false
    const sink: AuditSink = {
      get name() {
        if (isGone) throw new Error('no name')
        return 'own'
      },
      append: async () => {
        isGone = true
        throw new Error('full')
      },
      close: async () => undefined,
    }
    await expect(withDeadline(sink, { deadlineMs: 2_147_483_647 }).append(intent(1), {})).rejects.toThrow('no name')
  })

  it('AUD-05 passes on the signal of the caller', async () => {
    const controller = new AbortController()
    let seen: AbortSignal | undefined
    const sink = fakeSink('slow', (_event, { signal }) => {
      seen = signal
      return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    })
    const answer = withDeadline(sink).append(intent(1), { signal: controller.signal })
    controller.abort(new Error('gone'))
    await expect(answer).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    expect(seen?.aborted).toBe(true)
  })
})

describe('health', () => {
  it('AUD-06 is unhealthy from a failure to the next confirmation', async () => {
    let down = false
    const sink = withHealth(
      fakeSink('disk', async () => {
        if (down) throw new AuditError('ERR_AUDIT_SHORT_WRITE', 'short')
        return { sink: 'disk', durability: 'disk' }
      }),
    )
    expect(sink.health()).toEqual({ healthy: true, confirmed: 0, failed: 0, inFlight: 0 })
    await sink.append(intent(1), {})
    down = true
    await expect(sink.append(intent(2), {})).rejects.toThrow(AuditError)
    expect(sink.health()).toMatchObject({ healthy: false, failed: 1, lastFailure: 'ERR_AUDIT_SHORT_WRITE' })
    down = false
    await sink.append(intent(3), {})
    expect(sink.health()).toMatchObject({ healthy: true, confirmed: 2, failed: 1, inFlight: 0 })
  })
})

describe('standard output', () => {
  it('AUD-07 gets one line for each record, which is confirmed when the stream has accepted it', async () => {
    let text = ''
    let broken = false
    const stream = {
      write(line: string, callback: (error?: Error | null) => void) {
        if (!broken) text += line
        setImmediate(callback, broken ? new Error('EPIPE') : undefined)
        return true
      },
    }
    const sink = stdoutAuditSink({ stream })
    expect(await sink.append(intent(1), {})).toMatchObject({ sink: 'stdout', durability: 'system', sequence: 1 })
    broken = true
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    broken = false
    await sink.append(intent(3), {})
    expect(await verifyAuditLog(text.trimEnd().split('\n'))).toMatchObject({ valid: true, records: 2 })
  })

  it('AUD-07 without a reader does not end the process, but fails each append', async () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) })
    const sink = stdoutAuditSink({ stream })
    for (const number of [1, 2]) {
      await expect(sink.append(intent(number), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    }
    await sink.close()
    expect(stream.listenerCount('error')).toBe(0)
  })

  it('AUD-07 is not opened by a sink with another stream', () => {
    const opened = vi.spyOn(process, 'stdout', 'get')
    try {
      stdoutAuditSink({ stream: new Writable() })
      expect(opened).not.toHaveBeenCalled()
    } finally {
      opened.mockRestore()
    }
  })
})

describe('OpenTelemetry', () => {
  it('AUD-08 AUD-24 gets the line and its main fields, and claims under their own names', async () => {
    const emitted: OtelLogRecord[] = []
    const sink = otelAuditSink({ logger: { emit: (record) => void emitted.push(record) } })
    const events: AuditEvent[] = [
      intent(1),
      outcome(2, 1, { durationMs: 12 }),
      outcome(3, 1, { status: 'error' }),
      denied(4),
    ]
    for (const event of events) expect(await sink.append(event, {})).toMatchObject({ durability: 'process' })
    expect(await verifyAuditLog(emitted.map(({ body }) => body))).toMatchObject({ valid: true, records: 4 })
    expect(emitted.map(({ severityText }) => severityText)).toEqual(['INFO', 'INFO', 'WARN', 'WARN'])
    expect(emitted[3]).toMatchObject({
      timestamp: 1_800_000_004_000,
      severityNumber: 13,
      attributes: {
        'event.name': 'procura.audit.denied',
        'procura.audit.sequence': 4,
        'procura.command': '/mail/send',
        'error.type': 'policy_unsatisfied',
        'procura.invoker': agent,
        'procura.authenticated': true,
      },
    })
    await sink.append(denied(5, { authenticated: false, subject: alice }), {})
    expect(emitted[4]?.attributes).toMatchObject({
      'procura.authenticated': false,
      'procura.claimed_invoker': agent,
      'procura.claimed_subject': alice,
    })
    expect(Object.keys(emitted[4]?.attributes ?? {})).not.toContain('procura.invoker')
  })
})
