import { describe } from 'vitest'
import { anyBytes, bitFlips, roundTrips, scannerDifferential, unknownFields } from './bytes-properties.ts'
import { shortRuns } from './runs.ts'

describe('properties of bytes', { timeout: 120_000 }, () => {
  roundTrips(shortRuns(100))
  bitFlips('Ed25519', [0, 1, 2, 3])
  bitFlips('all algorithms', [5, 7, 0, 6])
  anyBytes(shortRuns(500))
  unknownFields(shortRuns(20))
  scannerDifferential(shortRuns(5_000))
})
