import { unlessAborted } from '../../support/abort.ts'
import { giveBackLate, shareReading } from '../release/reading.ts'
import type { SecretReading } from '../source.ts'

/** Begins a reading. */
type Begin = () => Promise<SecretReading | undefined>

/** Readings on their way, which callers that ask for the same at the same time share. */
export interface SharedFlights {
  /**
   * Waits for the reading under a key that is on its way, or begins it. Each caller gets a copy of its own. The signal
   * ends the wait of its caller, not the reading.
   */
  join(key: string, begin: Begin, signal: AbortSignal | undefined): Promise<SecretReading | undefined>
  /** Whether a reading under this key is on its way. */
  has(key: string): boolean
}

/** A reading on its way, and how many callers wait for it. */
interface Flight {
  readonly work: Promise<SecretReading | undefined>
  waiting: number
  isGivenBack: boolean
}

/** Makes an empty table of shared flights. */
export function createSharedFlights(): SharedFlights {
  const flights = new Map<string, Flight>()

  function start(key: string, begin: Begin): Flight {
    const flight = { work: begin().finally(() => flights.delete(key)), waiting: 0, isGivenBack: false }
    flights.set(key, flight)
    return flight
  }

  return {
    has: (key) => flights.has(key),
    async join(key, begin, signal) {
      // VLT-35: A caller that gives up leaves the reading to the others.
      const flight = flights.get(key) ?? start(key, begin)
      flight.waiting += 1
      try {
        return shareReading(await unlessAborted(flight.work, signal))
      } finally {
        flight.waiting -= 1
        giveBackLate(flight.work, () => isLeft(flight))
      }
    },
  }
}

/** Whether nobody waits for a copy of the reading any more. True once, so that the reading is given back once. */
function isLeft(flight: Flight): boolean {
  if (flight.waiting > 0 || flight.isGivenBack) return false
  flight.isGivenBack = true
  return true
}

/** Reads for one caller alone. A reading that arrives after its caller has left is given back. */
export async function readAlone(begin: Begin, signal: AbortSignal | undefined): Promise<SecretReading | undefined> {
  const work = begin()
  let waiting = true
  giveBackLate(work, () => !waiting)
  try {
    return await unlessAborted(work, signal)
  } finally {
    waiting = false
  }
}
