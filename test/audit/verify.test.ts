import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { backend as platform } from '#backend'
import { withCheckpoints } from '../../src/audit/combine/with-checkpoints.ts'
import { withDeadline } from '../../src/audit/combine/with-deadline.ts'
import { formatRecord, type LogPosition, makeRecord, parseRecord } from '../../src/audit/events/record.ts'
import { callbackAuditSink } from '../../src/audit/sinks/callback-audit-sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import type { AuditLogReport } from '../../src/audit/verify/audit-log-fault.ts'
import {
  type Checkpoint,
  type CheckpointSigner,
  signCheckpoint,
  verifyCheckpoint,
} from '../../src/audit/verify/checkpoint.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { parseDidKey } from '../../src/core/did/did-key.ts'
import { encodeBase64url } from '../../src/core/ipld/base.ts'
import type { IpldMap } from '../../src/core/ipld/value.ts'
import type { PreparedKey } from '../../src/core/principal/backend/backend.ts'
import { generateSigner } from '../../src/core/principal/generate-signer.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { ArgumentError, AuditError } from '../../src/errors.ts'
import { inCi } from '../property/runs.ts'
import { fakeSink, intent, logOf, stoppedClock } from './events.ts'

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()

let lines: string[]
let signer: Signer
let signers: readonly CheckpointSigner[]

beforeAll(async () => {
  lines = await logOf(12)
  signer = await generateSigner()
  signers = [{ did: signer.did, key: parseDidKey(signer.did) }]
})

function placeOf(line: string | undefined): LogPosition {
  const { sequence, hash } = parseRecord(line ?? '')
  return { sequence, hash }
}

/** A forged record behind another one, with a correct hash. */
function forged(after: LogPosition, number: number): string {
  return formatRecord(makeRecord(after, { ...intent(number) } as unknown as IpldMap, sha256))
}

function faultOf(report: AuditLogReport): unknown {
  return report.valid ? 'none' : [report.fault.kind, report.fault.line, report.fault.sequence]
}

async function check(changed: readonly string[]): Promise<unknown> {
  return faultOf(await verifyAuditLog(changed))
}

describe('an unchanged log', () => {
  it('LOG-09 is compared with the checkpoints of many months', async () => {
    const backend = { ...platform, prepareKey: () => ({}) as PreparedKey, verify: () => true }
    const { hash } = placeOf(lines[0])
    const signature = encodeBase64url(new Uint8Array(64).fill(1))
    // Node accepts about 125,000 arguments of a function: spreading a longer list would throw.
    const checkpoints = Array.from({ length: inCi ? 140_000 : 10_000 }, (_, index) => {
      return { log: 'mail', sequence: 13 + index, hash, time: 1, signer: signer.did, signature }
    })
    const report = await verifyAuditLog(lines, { checkpoints, signers, log: 'mail', backend })
    expect(report).toMatchObject({ valid: false, fault: { kind: 'truncated', sequence: 13 } })
  })

  it('LOG-09 is valid, and so is an empty one', async () => {
    expect(await verifyAuditLog(lines)).toEqual({ valid: true, records: 12, head: placeOf(lines[11]), covered: 0 })
    expect(await verifyAuditLog([])).toMatchObject({ valid: true, records: 0, head: { sequence: 0 } })
  })

  it('LOG-09 is valid as a part that begins behind a known record', async () => {
    const from = placeOf(lines[4])
    expect(await verifyAuditLog(lines.slice(5), { from })).toMatchObject({ valid: true, records: 7 })
    expect(faultOf(await verifyAuditLog(lines.slice(5), { from: { ...from, hash: '0'.repeat(64) } }))).toEqual([
      'edited',
      1,
      6,
    ])
  })

  it('LOG-09 has the record before its first line compared with a head and with checkpoints [attack 79]', async () => {
    const [from, other] = [placeOf(lines[4]), placeOf(forged(placeOf(lines[3]), 105))]
    const part = lines.slice(5)
    const rewritten = ['rewritten', 0, 5]
    expect(faultOf(await verifyAuditLog(part, { from, head: other }))).toEqual(rewritten)
    expect(faultOf(await verifyAuditLog([], { from, head: other }))).toEqual(rewritten)
    expect(await verifyAuditLog([], { from, head: from })).toMatchObject({ valid: true, head: from })
    const checkpoint = await signCheckpoint({ signer, log: 'mail', position: other, time: 1 })
    const options = { from, signers, log: 'mail' }
    expect(faultOf(await verifyAuditLog(part, { ...options, checkpoints: [checkpoint] }))).toEqual(rewritten)
    const inside = { ...checkpoint, kind: 'checkpoint', id: 'a'.repeat(32) } as unknown as IpldMap
    const line = formatRecord(makeRecord(from, inside, sha256))
    expect(faultOf(await verifyAuditLog([line], options))).toEqual(['rewritten', 1, 5])
  })

  it('LOG-09 is read as a stream', async () => {
    async function* stream(): AsyncGenerator<string> {
      yield* lines
    }
    expect(await verifyAuditLog(stream(), { head: placeOf(lines[11]) })).toMatchObject({ valid: true })
  })
})

describe('a changed log', () => {
  it('LOG-09 is reported as edited for every flipped bit, with the line [attack 79]', async () => {
    const line = lines[5] ?? ''
    for (let at = 0; at < line.length; at++) {
      const flipped = String.fromCharCode(line.charCodeAt(at) ^ (1 << (at % 7)))
      expect(await check(lines.with(5, line.slice(0, at) + flipped + line.slice(at + 1))), `character ${at}`).toEqual([
        'edited',
        6,
        6,
      ])
    }
  })

  it('LOG-09 is reported as edited when the hash matches the edit [attack 79]', async () => {
    const edited = forged(placeOf(lines[4]), 99)
    expect(await check(lines.with(5, edited))).toEqual(['edited', 6, 6])
    expect(
      await check(lines.with(0, formatRecord({ ...parseRecord(lines[0] ?? ''), previous: 'f'.repeat(64) }))),
    ).toEqual(['edited', 1, 1])
    const last = forged({ ...placeOf(lines[10]), hash: 'f'.repeat(64) }, 12)
    expect(await check([...lines.slice(0, 11), last, forged(placeOf(last), 13)])).toEqual(['edited', 11, 11])
    expect(await check([...lines.slice(0, 11), last])).toEqual(['edited', 11, 11])
    expect(await check([...lines.slice(0, 11), last, forged(placeOf(lines[11]), 13)])).toEqual(['edited', 12, 12])
  })

  it('LOG-09 is reported for a dropped record, wherever it was [attack 79]', async () => {
    for (let at = 0; at < 11; at++) {
      expect(await check(lines.toSpliced(at, 1))).toEqual(['dropped', at + 1, at + 1])
    }
    expect(await verifyAuditLog(lines.toSpliced(3, 4))).toMatchObject({
      valid: false,
      records: 3,
      fault: { kind: 'dropped', line: 4, sequence: 4, message: '4 records are missing' },
    })
  })

  it('LOG-09 is reported for swapped records, near and far [attack 79]', async () => {
    for (const [one, other] of [
      [0, 1],
      [4, 5],
      [10, 11],
      [2, 9],
    ] as const) {
      const swapped = lines.with(one, lines[other] ?? '').with(other, lines[one] ?? '')
      expect(await check(swapped)).toEqual(['swapped', one + 1, one + 1])
    }
  })

  it('LOG-09 is reported for an inserted record [attack 79]', async () => {
    expect(await check(lines.toSpliced(5, 0, lines[2] ?? ''))).toEqual(['inserted', 6, 3])
    expect(await check(lines.toSpliced(5, 0, lines[4] ?? ''))).toEqual(['inserted', 6, 5])
    // A record that continues from the previous one, in front of the genuine one or behind it.
    const extra = forged(placeOf(lines[4]), 99)
    expect(await check(lines.toSpliced(5, 0, extra))).toEqual(['inserted', 6, 6])
    expect(await check(lines.toSpliced(6, 0, extra))).toEqual(['inserted', 7, 6])
    expect(await check([...lines, lines[11] ?? ''])).toEqual(['inserted', 13, 12])
  })

  it('LOG-09 is reported as truncated, given its head or a checkpoint [attack 79]', async () => {
    expect(await check(lines.slice(0, 9))).toBe('none')
    const head = placeOf(lines[11])
    expect(faultOf(await verifyAuditLog(lines.slice(0, 9), { head }))).toEqual(['truncated', 10, 10])
    expect(faultOf(await verifyAuditLog([], { head }))).toEqual(['truncated', 1, 1])
    const checkpoint = await signCheckpoint({ signer, log: 'mail', position: placeOf(lines[10]), time: 1 })
    const options = { checkpoints: [checkpoint], signers, log: 'mail' }
    expect(faultOf(await verifyAuditLog(lines.slice(0, 9), options))).toEqual(['truncated', 10, 10])
    expect(await verifyAuditLog(lines, options)).toMatchObject({ valid: true, covered: 11 })
  })

  it('LOG-09 is reported as rewritten by a checkpoint [attack 79]', async () => {
    const rewritten = lines.slice(0, 6)
    while (rewritten.length < 12) rewritten.push(forged(placeOf(rewritten.at(-1)), rewritten.length + 100))
    expect(await check(rewritten)).toBe('none')
    const checkpoint = await signCheckpoint({ signer, log: 'mail', position: placeOf(lines[9]), time: 1 })
    const options = { checkpoints: [checkpoint], signers, log: 'mail' }
    expect(faultOf(await verifyAuditLog(rewritten, options))).toEqual(['rewritten', 10, 10])
    expect(faultOf(await verifyAuditLog(rewritten, { head: placeOf(lines[11]) }))).toEqual(['rewritten', 12, 12])
  })

  it('LOG-09 is reported as torn when its last line is incomplete', async () => {
    expect(await check([...lines, lines[3]?.slice(0, 70) ?? ''])).toEqual(['torn', 13, 13])
    expect(await check([...lines.slice(0, 4), 'x', ...lines.slice(4)])).toEqual(['edited', 5, 5])
    const surrogate = formatRecord({ ...parseRecord(lines[0] ?? ''), event: { ...intent(1), vault: '\ud800' } })
    expect(await check([surrogate, ...lines.slice(1)])).toEqual(['edited', 1, 1])
  })

  it('LOG-09 is not verified against an impossible position', async () => {
    const { sequence, hash } = placeOf(lines.at(-1))
    const wrong = [
      { sequence: String(sequence), hash },
      {},
      null,
      { sequence, hash: hash.toUpperCase() },
      { sequence: -1, hash },
    ]
    for (const place of wrong) {
      await expect(verifyAuditLog(lines, { head: place as never })).rejects.toThrow(
        /`head` must be `{ sequence, hash }`/,
      )
      await expect(verifyAuditLog([], { from: place as never })).rejects.toThrow(/`from` must be `{ sequence, hash }`/)
    }
    expect(await verifyAuditLog(lines, { head: { sequence, hash } })).toMatchObject({ valid: true })
  })

  it('must be given as a list of lines', async () => {
    for (const wrong of [lines.join('\n'), undefined, { directory: 'log' }]) {
      await expect(verifyAuditLog(wrong as never)).rejects.toThrow(/`lines` must be a list of lines/)
    }
  })

  it('LOG-09 requires `signers` and `log` with checkpoints, and passes on the error of its lines', async () => {
    const checkpoint = await signCheckpoint({ signer, log: 'mail', position: placeOf(lines[1]), time: 1 })
    await expect(verifyAuditLog(lines, { checkpoints: [checkpoint] })).rejects.toThrow(ArgumentError)
    await expect(verifyAuditLog(lines, { signers })).rejects.toThrow(ArgumentError)
    async function* failing(): AsyncGenerator<string> {
      yield lines[0] ?? ''
      throw new Error('EIO')
    }
    await expect(verifyAuditLog(failing())).rejects.toThrow('EIO')
  })
})

describe('a checkpoint', () => {
  it('LOG-07 is valid with its exact content and the given key only', async () => {
    const checkpoint = await signCheckpoint({ signer, log: 'mail', position: placeOf(lines[9]), time: 1 })
    expect(await verifyCheckpoint(checkpoint, { signers })).toBe(true)
    const other = await generateSigner({ algorithm: 'ES256' })
    const changes: readonly Partial<Checkpoint>[] = [
      { log: 'other' },
      { sequence: 9 },
      { hash: '0'.repeat(64) },
      { hash: 'zz' },
      { time: 2 },
      { signer: other.did },
      { signature: '' },
      { signature: '='.repeat(86) },
      { signature: 'A'.repeat(86) },
    ]
    for (const change of changes) expect(await verifyCheckpoint({ ...checkpoint, ...change }, { signers })).toBe(false)
    expect(await verifyCheckpoint(checkpoint, { signers: [] })).toBe(false)
    expect(await verifyCheckpoint(checkpoint, { signers: [{ did: signer.did, key: parseDidKey(other.did) }] })).toBe(
      false,
    )
    const byOther = await signCheckpoint({ signer: other, log: 'mail', position: placeOf(lines[9]), time: 1 })
    const both = [...signers, { did: other.did, key: parseDidKey(other.did) }]
    expect(await verifyCheckpoint(byOther, { signers: both })).toBe(true)
  })

  it('LOG-07 makes a log invalid if it is forged', async () => {
    const checkpoint = await signCheckpoint({ signer, log: 'mail', position: placeOf(lines[9]), time: 1 })
    const other = await signCheckpoint({ signer, log: 'other', position: placeOf(lines[9]), time: 1 })
    for (const given of [{ ...checkpoint, time: 9 }, other]) {
      const report = await verifyAuditLog(lines, { checkpoints: [given], signers, log: 'mail' })
      expect(faultOf(report)).toEqual(['checkpoint_invalid', 0, 10])
    }
    const contrary = await signCheckpoint({
      signer,
      log: 'mail',
      position: { ...placeOf(lines[9]), hash: 'f'.repeat(64) },
      time: 1,
    })
    const report = await verifyAuditLog(lines, { checkpoints: [checkpoint, contrary], signers, log: 'mail' })
    expect(faultOf(report)).toEqual(['checkpoint_invalid', 0, 10])
  })
})

describe('a log with checkpoints', () => {
  it('LOG-08 has one in the log and one published for each number of records', async () => {
    const published: Checkpoint[] = []
    const memory = memoryAuditSink()
    const clock = stoppedClock(1_800_000_000.25)
    const sink = withCheckpoints(memory, {
      signer,
      log: 'mail',
      everyRecords: 4,
      clock,
      publish: (checkpoint) => void published.push(checkpoint),
    })
    for (let i = 1; i <= 10; i++) await sink.append(intent(i), {})
    expect(published.map(({ sequence }) => sequence)).toEqual([4, 8, 12])
    clock.set(clock.now() + 60)
    await sink.append(intent(11), {})
    expect(published.map(({ sequence }) => sequence)).toEqual([4, 8, 12, 14])
    await sink.append(intent(12), {})
    await sink.close()
    expect(published.map(({ sequence }) => sequence)).toEqual([4, 8, 12, 14, 16])
    const options = { checkpoints: published, signers, log: 'mail' }
    expect(await verifyAuditLog(memory.lines(), options)).toMatchObject({ valid: true, records: 17, covered: 16 })
    expect(await verifyAuditLog(memory.lines(), { signers, log: 'mail' })).toMatchObject({ covered: 16 })
    for (const cut of [1, 5, 12]) {
      expect(await verifyAuditLog(memory.lines().slice(0, cut), options)).toMatchObject({
        fault: { kind: 'truncated' },
      })
    }
    expect(faultOf(await verifyAuditLog(memory.lines(), { signers, log: 'other' }))).toEqual([
      'checkpoint_invalid',
      5,
      5,
    ])
    const strangers = [{ did: signer.did, key: parseDidKey((await generateSigner()).did) }]
    expect(faultOf(await verifyAuditLog(memory.lines(), { signers: strangers, log: 'mail' }))).toEqual([
      'checkpoint_invalid',
      5,
      5,
    ])
  })

  it('LOG-08 is invalid if a checkpoint in it is about another record', async () => {
    const memory = memoryAuditSink()
    await memory.append(intent(1), {})
    for (const position of [
      { sequence: 1, hash: 'f'.repeat(64) },
      { sequence: 7, hash: 'f'.repeat(64) },
    ]) {
      const checkpoint = await signCheckpoint({ signer, log: 'mail', position, time: 1 })
      const log = memoryAuditSink()
      await log.append(intent(1), {})
      await log.append({ ...checkpoint, kind: 'checkpoint', id: '0'.repeat(32) }, {})
      const report = await verifyAuditLog(log.lines(), { signers, log: 'mail' })
      expect(faultOf(report)).toEqual(['rewritten', 2, position.sequence])
    }
  })

  it('LOG-08 confirms no more events while a checkpoint cannot be published', async () => {
    const memory = memoryAuditSink()
    let down = true
    const sink = withCheckpoints(memory, {
      signer,
      log: 'mail',
      everyRecords: 2,
      publish: () => {
        if (down) throw new Error('no route')
      },
    })
    await sink.append(intent(1), {})
    await expect(sink.append(intent(2), {})).rejects.toThrow(AuditError)
    for (let i = 0; i < 20; i++) {
      await expect(sink.append(intent(3), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    }
    // Refused events are not written either: the number of unprotected records does not grow.
    expect(memory.records()).toHaveLength(2)
    down = false
    await sink.append(intent(4), {})
    expect(await verifyAuditLog(memory.lines(), { signers, log: 'mail' })).toMatchObject({ valid: true, covered: 4 })
  })

  it('LOG-09 is invalid if a checkpoint in it is malformed in any field', async () => {
    const position = { sequence: 1, hash: 'f'.repeat(64) }
    const genuine = await signCheckpoint({ signer, log: 'mail', position, time: 1 })
    expect(await verifyCheckpoint({ ...genuine, log: '\ud800' }, { signers })).toBe(false)
    expect(await verifyCheckpoint({ ...genuine, sequence: 2 ** 60 }, { signers })).toBe(false)
    for (const field of ['hash', 'signature', 'time', 'sequence', 'signer'] as const) {
      for (const value of [undefined, null, 5, 'x', {}, []]) {
        if (typeof value === typeof genuine[field]) continue
        const changed = { ...genuine, [field]: value }
        expect(await verifyCheckpoint(changed as never, { signers })).toBe(false)
        const log = memoryAuditSink()
        await log.append({ ...changed, kind: 'checkpoint', id: '0'.repeat(32) } as never, {}).catch(() => undefined)
        const report = await verifyAuditLog(log.lines(), { signers, log: 'mail' })
        if (log.lines().length > 0) expect(faultOf(report)).toEqual(['checkpoint_invalid', 1, 1])
      }
    }
  })

  it('LOG-08 makes one checkpoint at a time', async () => {
    const published: number[] = []
    const memory = memoryAuditSink()
    const sink = withCheckpoints(memory, {
      signer,
      log: 'mail',
      everyRecords: 10,
      publish: async ({ sequence }) => {
        await new Promise((resolve) => setTimeout(resolve, 2))
        published.push(sequence)
      },
    })
    await Promise.all(Array.from({ length: 40 }, (_, i) => sink.append(intent(i), {})))
    expect(published).toEqual([...published].sort((a, b) => a - b))
    expect(new Set(published).size).toBe(published.length)
    expect(await verifyAuditLog(memory.lines(), { signers, log: 'mail' })).toMatchObject({ valid: true })
  })

  it('LOG-08 makes another checkpoint when the call that began it was aborted, and refuses no other calls', async () => {
    const memory = memoryAuditSink()
    const published: number[] = []
    const sink = withCheckpoints(memory, {
      signer,
      log: 'mail',
      everyRecords: 1,
      publish: async ({ sequence }, { signal }) => {
        await new Promise((resolve, reject) => {
          setTimeout(resolve, 20)
          signal?.addEventListener('abort', () => reject(signal.reason))
        })
        published.push(sequence)
      },
    })
    const leaving = new AbortController()
    const gone = sink.append(intent(1), { signal: leaving.signal })
    const others = Promise.all([2, 3, 4].map((number) => sink.append(intent(number), {})))
    setTimeout(() => leaving.abort(new Error('the client left')), 5)
    await expect(gone).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    expect((await others).map(({ sequence }) => sequence)).toEqual([2, 3, 4])
    expect(published.at(-1)).toBeGreaterThanOrEqual(4)
  })

  it('LOG-08 continues after a publisher has hung once [attack 78]', async () => {
    let asked = 0
    const publish = (): Promise<void> => (asked++ === 0 ? new Promise(() => undefined) : Promise.resolve())
    const checkpoints = withCheckpoints(memoryAuditSink(), { signer, log: 'mail', everyRecords: 1, publish })
    const sink = withDeadline(checkpoints, { deadlineMs: 30 })
    await expect(sink.append(intent(1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_DEADLINE' })
    // The overdue checkpoint is made first, and then the checkpoint of this record.
    expect(await sink.append(intent(2), {})).toMatchObject({ sequence: 3 })
    expect(asked).toBe(3)
  })

  it('LOG-08 requires a sink that keeps a log', async () => {
    const sink = withCheckpoints(
      fakeSink('other', async () => ({ sink: 'other', durability: 'remote' })),
      { signer, log: 'mail', publish: () => undefined },
    )
    await expect(sink.append(intent(1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_CONFIGURATION' })
    expect(() => withCheckpoints(sink, { signer, log: 'mail', everyRecords: 0, publish: () => undefined })).toThrow(
      ArgumentError,
    )
  })

  it('LOG-02 continues from a given record', async () => {
    const more: string[] = []
    const sink = callbackAuditSink({ position: placeOf(lines[11]), write: (_record, line) => void more.push(line) })
    await sink.append(intent(13), {})
    expect(await verifyAuditLog([...lines, ...more])).toMatchObject({ valid: true, records: 13 })
  })
})

describe('a trusted signer', () => {
  const keys: Readonly<Record<string, unknown>> = {
    'no key': undefined,
    'the text of a key': 'did:key:zA',
    'an object without a key': {},
    'a key without bytes': { algorithm: 'Ed25519' },
    'an unknown algorithm': { algorithm: 'RS256', bytes: new Uint8Array(32) },
    'a key of a wrong length': { algorithm: 'Ed25519', bytes: new Uint8Array(3) },
    'a key of small order': { algorithm: 'Ed25519', bytes: new Uint8Array(32) },
    'a point beside its curve': { algorithm: 'ES256', bytes: Uint8Array.of(2, ...new Array(32).fill(1)) },
  }

  it.each(Object.entries(keys))('LOG-07 is refused as an argument: %s', async (_, key) => {
    const checkpoint = await signCheckpoint({ signer, log: 'mail', position: placeOf(lines[9]), time: 1 })
    const options = { signers: [{ did: signer.did, key }] as never }
    await expect(verifyCheckpoint(checkpoint, options)).rejects.toThrow(ArgumentError)
    await expect(verifyAuditLog(lines, { ...options, log: 'mail', checkpoints: [checkpoint] })).rejects.toThrow(
      ArgumentError,
    )
  })
})
