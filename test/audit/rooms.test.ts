import { describe, expect, it } from 'vitest'
import { chainedSink } from '../../src/audit/chained-sink.ts'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import { createRooms } from '../../src/audit/events/rooms.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { sha256, slowly } from '../property/record-differential.ts'

/** Events of very different lengths, some of which no room is long enough for, and some of which are refused. */
function eventAt(at: number): AuditEvent {
  const id = `${at}`.padStart(32, '0')
  const event = { kind: 'outcome', id, time: 1_700_000_000 + at, intent: 'f'.repeat(32), status: 'ok' } as const
  if (at % 7 === 3) return { ...event, code: 'é'.repeat(at) }
  if (at % 7 === 5) return { ...event, code: 'c'.repeat(1_000), intent: 'i'.repeat(1_000), status: 'error' }
  if (at % 11 === 4) return { ...event, durationMs: Number.NaN }
  return { ...event, code: 'c'.repeat(at) }
}

/** Appends all events at once. */
async function appendAll(sink: AuditSink, count: number): Promise<void> {
  const settled = await Promise.allSettled(Array.from({ length: count }, (_, at) => sink.append(eventAt(at), {})))
  expect(settled.some(({ status }) => status === 'rejected')).toBe(true)
}

/** Checks that each line is the one that its event has alone, made by the long way. */
async function expectRecords(lines: readonly string[], events: number): Promise<void> {
  let after = { sequence: 0, hash: '0'.repeat(64) }
  const ids = new Set<string>()
  for (const line of lines) {
    const { sequence, hash, event } = JSON.parse(line) as typeof after & { readonly event: AuditEvent }
    const [, expected] = await slowly(after, eventAt(Number(event.id)))
    expect(line === expected, `record ${sequence}`).toBe(true)
    ids.add(event.id)
    after = { sequence, hash }
  }
  expect(ids.size).toBe(events)
}

describe('events that are written in the rooms of earlier ones', () => {
  it('LOG-01 have the records that each has alone, for many at once, in two rounds', async () => {
    const sink = memoryAuditSink()
    await appendAll(sink, 40)
    const recorded = sink.lines().length
    await appendAll(sink, 40)
    expect(sink.lines()).toHaveLength(2 * recorded)
    await expectRecords(sink.lines(), recorded)
  })

  it.each([
    ['asynchronous', async (bytes: Uint8Array) => sha256(await laterOf(bytes))],
    ['synchronous', sha256],
  ])('have the same records with an %s hash function of the caller', async (_what, hash) => {
    const lines: string[] = []
    const write = (_record: unknown, line: string): void => void lines.push(line)
    const sink = chainedSink({ name: 'own', durability: 'process', write }, { sha256: hash })
    await appendAll(sink, 40)
    await expectRecords(lines, lines.length)
  })

  it('are each in a room of their own until it is given back, and few rooms are kept', () => {
    const { take, giveBack } = createRooms()
    const taken = Array.from({ length: 100 }, take)
    expect(new Set(taken).size).toBe(100)
    for (const room of taken) giveBack(room)
    const again = Array.from({ length: 100 }, take)
    expect(new Set(again).size).toBe(100)
    expect(again.filter((room) => taken.includes(room))).toHaveLength(16)
  })
})

/** The bytes some turns later, when other events were written. */
async function laterOf(bytes: Uint8Array): Promise<Uint8Array> {
  for (let turns = 0; turns < 3; turns++) await new Promise<void>((resolve) => setImmediate(resolve))
  return bytes
}
