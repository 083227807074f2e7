import { describe, expect, it } from 'vitest'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import {
  anyBytes,
  bitFlips,
  plainCall,
  roundTrips,
  scannerDifferential,
  unknownFields,
} from '../property/bytes-properties.ts'
import { optionsOf } from '../property/chain-differential.ts'
import { hostileContainers } from '../property/hostile-bytes.ts'
import { longRuns } from '../property/runs.ts'

/** Milliseconds of processor time for one refusal: far above what it takes, as other work may disturb. */
const ceilingMs = 50

describe('properties of bytes, many runs', () => {
  roundTrips(longRuns(5_000))
  bitFlips('two of P-256', [5, 6, 5, 0])
  bitFlips('two of secp256k1', [7, 8, 1, 8])
  anyBytes(longRuns(50_000))
  unknownFields(longRuns(1_000))
  scannerDifferential(longRuns(300_000))

  it(`P11 bytes: no container made to cost takes more than ${ceilingMs} ms of processor time [attack 87]`, () => {
    const authorizer = createAuthorizer(optionsOf({ ...plainCall([0, 1, 2, 3]), commands: 'any' }))
    const slow = hostileContainers()
      .map(({ name, container }) => ({
        name,
        ms: Math.min(...[1, 2, 3].map(() => costOf(() => authorizer.authorizeSync(container)))),
      }))
      .filter(({ ms }) => ms > ceilingMs)
    expect(slow).toEqual([])
  })
})

function costOf(work: () => unknown): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}
