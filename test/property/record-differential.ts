import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { draftEvent, draftWithEvent, finishRecord } from '../../src/audit/events/draft.ts'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import { formatRecord, type LogPosition, makeRecord } from '../../src/audit/events/record.ts'
import { ProcuraError } from '../../src/errors.ts'
import { prepareEvent } from '../audit/prepare-event.ts'
import { hostileEvent, likelyEvent } from './event-arbitrary.ts'
import type { Runs } from './runs.ts'

/** SHA-256 of a caller. */
export const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()
const sha256Hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** The hashed bytes, the line and the event of a record, or the message of the error. */
type Made = readonly [bytes: string, line: string, event: string] | string

/** The record that `prepareEvent`, `makeRecord` and `formatRecord` make. */
export async function slowly(after: LogPosition, event: AuditEvent): Promise<Made> {
  return unlessRefused(async () => {
    const prepared = await prepareEvent(event, sha256)
    let hashed = ''
    const record = makeRecord(after, prepared, (bytes) => {
      hashed = Buffer.from(bytes).toString('hex')
      return sha256(bytes)
    })
    return [hashed, formatRecord(record), shown(prepared)]
  })
}

/** The record that sinks make, by a hash function of the caller and by the function of the platform. */
export async function quickly(after: LogPosition, event: AuditEvent, count: () => void): Promise<Made> {
  return unlessRefused(async () => {
    let hashed = ''
    const hashing = {
      sha256: (bytes: Uint8Array) => {
        hashed = Buffer.from(bytes).toString('hex')
        return sha256(bytes)
      },
    }
    const draft = await draftEvent(event, { sha256 })
    if (draft.written !== undefined) count()
    const { line, hash, sequence, previous } = finishRecord(after, draft, hashing)
    expect(finishRecord(after, draft, { sha256, sha256Hex })).toEqual({ line, hash, sequence, previous })
    expect({ sequence, previous }).toEqual({ sequence: after.sequence + 1, previous: after.hash })
    const whole = await draftWithEvent(event, { sha256 })
    expect(finishRecord(after, whole, { sha256, sha256Hex }).line).toBe(line)
    return [hashed, line, shown(whole.event)]
  })
}

async function unlessRefused(task: () => Promise<Made>): Promise<Made> {
  try {
    return await task()
  } catch (error) {
    if (!(error instanceof ProcuraError)) throw error
    return error.message
  }
}

/** The fields in their order, and whether the event is as a reader makes it. */
function shown(event: object): string {
  const fields = JSON.stringify(event, (_key, value: unknown) => {
    if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
    return Object.is(value, -0) ? 'minus zero' : value
  })
  return `${Object.isFrozen(event)} ${Object.getPrototypeOf(event)} ${fields}`
}

const position: fc.Arbitrary<LogPosition> = fc.record({
  sequence: fc.oneof(fc.constantFrom(0, 22, 23, 254, 255, 65_535, 2 ** 32 - 1, 2 ** 53 - 2, 2 ** 53 - 1), fc.nat()),
  hash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex')),
})

/** A record that is made in one pass is the record of the specification. */
export function sameRecords({ numRuns, seed, title }: Runs): void {
  it.each([
    ['of a guard', likelyEvent, 0.2],
    ['that are hostile', hostileEvent, 0],
  ] as const)(
    `LOG-01 events %s have the bytes and the line of the long way, ${title}`,
    async (_name, events, share) => {
      let usual = 0
      await fc.assert(
        fc.asyncProperty(events, position, async (event, after) => {
          const expected = await slowly(after, event)
          expect(await quickly(after, event, () => usual++)).toEqual(expected)
        }),
        { numRuns, seed },
      )
      expect(usual / numRuns).toBeGreaterThan(share)
      expect(usual / numRuns).toBeLessThan(0.95)
    },
  )
}
