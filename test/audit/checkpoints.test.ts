import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withCheckpoints } from '../../src/audit/combine/with-checkpoints.ts'
import { type AuditRecord, beginning } from '../../src/audit/events/record.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { callbackAuditSink } from '../../src/audit/sinks/callback-audit-sink.ts'
import { openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { readJsonlLines, readJsonlRecords } from '../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { type Checkpoint, signCheckpoint } from '../../src/audit/verify/checkpoint.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { parseDidKey } from '../../src/core/did/did-key.ts'
import { generateSigner } from '../../src/core/principal/generate-signer.ts'
import { ArgumentError } from '../../src/errors.ts'
import { shortRuns } from '../property/runs.ts'
import { intent, stoppedClock } from './events.ts'
import { temporaryDirectory } from './jsonl/temporary.ts'

const signer = await generateSigner()
const signers = [{ did: signer.did, key: parseDidKey(signer.did) }]

/** A log that outlives the sinks that write it, like a log in files, and the second place of its checkpoints. */
function logOf() {
  const records: AuditRecord[] = []
  const published: Checkpoint[] = []
  const clock = stoppedClock()
  let down = false
  return {
    records,
    published,
    clock,
    fail: (fails: boolean): void => {
      down = fails
    },
    lines: async (): Promise<readonly string[]> => {
      const copy = memoryAuditSink()
      for (const { event } of records) await copy.append(event, {})
      return copy.lines()
    },
    /** Starts a new process. The previous one was killed, so its sink is not closed. */
    start(options: { readonly everyRecords: number; readonly last?: Checkpoint | undefined }): AuditSink {
      const sink = callbackAuditSink({
        position: records.at(-1) ?? beginning,
        write: (record) => void records.push(record),
      })
      return withCheckpoints(sink, {
        signer,
        log: 'mail',
        clock,
        publish: (checkpoint) => {
          if (down) throw new Error('no route')
          published.push(checkpoint)
        },
        ...options,
      })
    },
  }
}

describe('checkpoints over restarts', () => {
  it('LOG-11 are made at each start if the last one is unknown [attack 79]', async () => {
    const log = logOf()
    for (let process = 0; process < 20; process++) {
      const sink = log.start({ everyRecords: 10 })
      for (let i = 0; i < 9; i++) await sink.append(intent(i), {})
    }
    const sequences = log.published.map(({ sequence }) => sequence)
    expect(sequences.length).toBeGreaterThanOrEqual(20)
    expect(Math.max(...sequences.map((sequence, i) => sequence - (sequences[i - 1] ?? 0)))).toBeLessThanOrEqual(10)
    expect((log.records.at(-1)?.sequence ?? 0) - (sequences.at(-1) ?? 0)).toBeLessThan(10)
    const options = { checkpoints: log.published, signers, log: 'mail' }
    expect(await verifyAuditLog(await log.lines(), options)).toMatchObject({ valid: true, covered: sequences.at(-1) })
  })

  it('LOG-11 are counted from the last one', async () => {
    const log = logOf()
    for (let process = 0; process < 20; process++) {
      const sink = log.start({ everyRecords: 10, last: log.published.at(-1) })
      for (let i = 0; i < 9; i++) await sink.append(intent(i), {})
    }
    expect(log.records.length).toBe(180 + log.published.length)
    expect(log.published.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 20 }, (_, i) => 9 + 10 * i))
  })

  it('LOG-11 count the seconds from the last one, and make one at once if the clock was set back', async () => {
    const log = logOf()
    await log.start({ everyRecords: 1 }).append(intent(1), {})
    const last = log.published.at(-1)
    const start = (): AuditSink => log.start({ everyRecords: 100, last })
    log.clock.set(log.clock.now() + 59)
    await start().append(intent(2), {})
    expect(log.published).toHaveLength(1)
    log.clock.set(log.clock.now() + 1)
    await start().append(intent(3), {})
    expect(log.published).toHaveLength(2)
    log.clock.set(1)
    await start().append(intent(4), {})
    expect(log.published).toHaveLength(3)
  })

  it('LOG-08 are tried again before a further event is written, also one that was due by its time alone', async () => {
    const clock = stoppedClock()
    const log = memoryAuditSink()
    let isDown = false
    const publish = (): void => {
      if (isDown) throw new Error('the second place is away')
    }
    const sink = withCheckpoints(log, { signer, log: 'mail', everyRecords: 1_000, everySeconds: 60, clock, publish })
    await sink.append(intent(1), {})
    clock.set(clock.now() + 60)
    isDown = true
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    const written = log.records().length
    // The clock was set back: by its time alone, no checkpoint would be due.
    clock.set(clock.now() - 59)
    for (const next of [3, 4])
      await expect(sink.append(intent(next), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    expect(log.records()).toHaveLength(written)
    isDown = false
    await sink.append(intent(5), {})
    const kinds = log.records().map(({ event }) => event.kind)
    expect(kinds.slice(written)).toEqual(['checkpoint', 'intent'])
  })

  it('LOG-08 that take longer than `everySeconds` are made once, not in an endless loop', async () => {
    const clock = stoppedClock()
    let published = 0
    const publish = (): void => {
      published++
      clock.set(clock.now() + 5)
    }
    const sink = withCheckpoints(memoryAuditSink(), { signer, log: 'mail', everySeconds: 1, publish, clock })
    await sink.append(intent(1), {})
    clock.set(clock.now() + 5)
    await sink.append(intent(2), {})
    await sink.append(intent(3), {})
    expect(published).toBe(2)
  })

  it('LOG-08 leave at most `everyRecords` records unprotected, over all failures and restarts [attack 79]', async () => {
    const everyRecords = 5
    const together = 4
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ append: fc.integer({ min: 1, max: together }) }) },
      { weight: 2, arbitrary: fc.record({ down: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ restart: fc.constantFrom('known', 'unknown') }) },
      { weight: 1, arbitrary: fc.record({ pass: fc.integer({ min: -10, max: 100 }) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const log = logOf()
        let sink = log.start({ everyRecords })
        for (const one of steps) {
          if ('down' in one) log.fail(one.down)
          else if ('pass' in one) log.clock.set(log.clock.now() + one.pass)
          else if ('restart' in one) {
            const last = one.restart === 'known' ? log.published.at(-1) : undefined
            sink = log.start({ everyRecords, last })
          } else await Promise.allSettled(Array.from({ length: one.append }, (_, i) => sink.append(intent(i), {})))
          const unprotected = (log.records.at(-1)?.sequence ?? 0) - (log.published.at(-1)?.sequence ?? 0)
          expect(unprotected).toBeLessThan(everyRecords + together)
        }
        const options = { checkpoints: log.published, signers, log: 'mail' }
        expect(await verifyAuditLog(await log.lines(), options)).toMatchObject({ valid: true })
      }),
      shortRuns(60),
    )
  })
})

describe('a last checkpoint', () => {
  it('LOG-11 detects at the start that the end of the log was removed [attack 79]', async () => {
    const directory = temporaryDirectory()
    const published: Checkpoint[] = []
    const start = async (at: string, last?: Checkpoint) => {
      const publish = (checkpoint: Checkpoint): void => void published.push(checkpoint)
      return withCheckpoints(await openJsonlAuditSink({ directory: at }), {
        signer,
        log: 'mail',
        everyRecords: 3,
        publish,
        last,
      })
    }
    const sink = await start(directory)
    for (let i = 0; i < 3; i++) await sink.append(intent(i), {})
    await sink.close()
    const again = await start(directory, published.at(-1))
    expect(await again.append(intent(4), {})).toMatchObject({ sequence: 5 })
    await again.close()
    const last = published.at(-1)
    const options = { checkpoints: published, signers, log: 'mail' }
    expect(await verifyAuditLog(readJsonlLines({ directory }), options)).toMatchObject({ valid: true, covered: 5 })

    // A log that ends before the signed record, one with another record in its place, and one that was removed.
    const shorter = temporaryDirectory()
    const copy = await openJsonlAuditSink({ directory: shorter })
    for await (const record of readJsonlRecords({ directory })) {
      if (record.sequence === 3) break
      await copy.append(record.event, {})
    }
    await copy.close()
    const other = temporaryDirectory()
    const forgery = await openJsonlAuditSink({ directory: other })
    for (let i = 0; i < 5; i++) await forgery.append(intent(90 + i), {})
    await forgery.close()
    for (const changed of [shorter, other, temporaryDirectory()]) {
      const cut = await start(changed, last)
      for (let i = 0; i < 2; i++) {
        await expect(cut.append(intent(9), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
      }
      await cut.close()
    }
    expect(published.at(-1)).toBe(last)
  })

  it('LOG-11 does not detect a rewritten, longer log; the verifier does [attack 79]', async () => {
    const published: Checkpoint[] = []
    const publish = (checkpoint: Checkpoint): void => void published.push(checkpoint)
    const first = withCheckpoints(memoryAuditSink(), { signer, log: 'mail', everyRecords: 3, publish })
    for (let i = 0; i < 3; i++) await first.append(intent(i), {})
    const forgery = memoryAuditSink()
    for (let i = 0; i < 5; i++) await forgery.append(intent(90 + i), {})
    const again = withCheckpoints(forgery, { signer, log: 'mail', everyRecords: 3, publish, last: published.at(-1) })
    await expect(again.append(intent(9), {})).resolves.toMatchObject({ sequence: 6 })
    const report = await verifyAuditLog(forgery.lines(), { checkpoints: published, signers, log: 'mail' })
    expect(report).toMatchObject({ valid: false, fault: { kind: 'rewritten', sequence: 3 } })
  })

  it('LOG-11 detects a missing end at the first record, if the sink does not report the end of its log [attack 79]', async () => {
    const { position: _, ...sink } = memoryAuditSink()
    const position = { sequence: 7, hash: 'ab'.repeat(32) }
    const last = await signCheckpoint({ signer, log: 'mail', position, time: 1 })
    const published: Checkpoint[] = []
    const publish = (checkpoint: Checkpoint): void => void published.push(checkpoint)
    const checkpoints = withCheckpoints(sink, { signer, log: 'mail', publish, last })
    for (let i = 0; i < 3; i++) {
      await expect(checkpoints.append(intent(i), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
    }
    expect(sink.records()).toHaveLength(1)
    await checkpoints.close()
    expect(published).toEqual([])
  })

  it('LOG-11 raises no alarm when records are confirmed in another order than they were written', async () => {
    const memory = memoryAuditSink()
    const { position: _, ...sink } = memory
    for (let i = 0; i < 3; i++) await memory.append(intent(i), {})
    const { sequence, hash } = memory.records()[2] as AuditRecord
    const last = await signCheckpoint({ signer, log: 'mail', position: { sequence, hash }, time: 1_800_000_000 })
    const slow: AuditSink = {
      ...sink,
      append: async (event, options) => {
        const confirmation = await sink.append(event, options)
        if (event.id === intent(10).id) await new Promise((resolve) => setTimeout(resolve, 20))
        return confirmation
      },
    }
    const options = { signer, log: 'mail', everyRecords: 2, publish: () => undefined, clock: stoppedClock(), last }
    const checkpoints = withCheckpoints(slow, options)
    const confirmed = await Promise.all([10, 11, 12].map((number) => checkpoints.append(intent(number), {})))
    expect(confirmed.map((one) => one.sequence)).toEqual([4, 5, 6])
  })

  it('LOG-11 is ignored if another signer has signed it', async () => {
    const log = logOf()
    for (let i = 0; i < 4; i++) await log.start({ everyRecords: 100 }).append(intent(i), {})
    const place = log.records.at(-1) as AuditRecord
    const position = { sequence: place.sequence, hash: place.hash }
    const genuine = await signCheckpoint({ signer, log: 'mail', position, time: log.clock.now() })
    const stranger = await generateSigner()
    const forged = await signCheckpoint({ signer: stranger, log: 'mail', position, time: log.clock.now() })
    for (const last of [forged, { ...forged, signer: signer.did }, { ...genuine, sequence: 10_000 }, undefined]) {
      log.published.length = 0
      await log.start({ everyRecords: 100, last }).append(intent(9), {})
      expect(log.published).toHaveLength(1)
    }
    log.published.length = 0
    const changing = { ...genuine }
    const sink = log.start({ everyRecords: 100, last: changing })
    Object.assign(changing, forged, { sequence: 10_000 })
    await sink.append(intent(9), {})
    expect(log.published).toEqual([])
  })

  it('LOG-11 must be a checkpoint of this log', async () => {
    const position = { sequence: 1, hash: 'ab'.repeat(32) }
    const last = await signCheckpoint({ signer, log: 'other', position, time: 1 })
    const make = (given: unknown) =>
      withCheckpoints(memoryAuditSink(), { signer, log: 'mail', publish: () => undefined, last: given as Checkpoint })
    expect(() => make(last)).toThrow('`last` is a checkpoint of the log `other`, not of `mail`')
    for (const wrong of [null, 7, 'x', {}, { ...last, log: 'mail', hash: 'x' }, { ...last, log: 'mail', time: '1' }]) {
      expect(() => make(wrong)).toThrow(ArgumentError)
    }
  })
})

describe('a clock without a time', () => {
  it('LOG-08 confirms no record whose checkpoint may be due', async () => {
    const clock = stoppedClock()
    const published: Checkpoint[] = []
    const publish = (checkpoint: Checkpoint): void => void published.push(checkpoint)
    const sink = withCheckpoints(memoryAuditSink(), { signer, log: 'mail', clock, publish })
    await sink.append(intent(1), {})
    clock.set(Number.NaN)
    await expect(sink.append(intent(2), {})).rejects.toThrow('`clock.now()` returned no time')
    clock.set(1_800_000_060)
    await sink.append(intent(3), {})
    expect(published.map(({ sequence }) => sequence)).toEqual([3])
  })
})
