import { describe, expect, it } from 'vitest'
import { createSharedFlights, readAlone } from '../../src/vault/resilience/shared-flights.ts'
import { Secret } from '../../src/vault/secret.ts'
import type { SecretReading } from '../../src/vault/source.ts'
import { NOON } from './support.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A store that responds when a test decides, and the state of its readings. */
function store() {
  const given: SecretReading[] = []
  const answers: ((error?: Error) => void)[] = []
  let revoked = 0
  const begin = (): Promise<SecretReading | undefined> =>
    new Promise((resolve, reject) => {
      answers.push((error) => {
        if (error !== undefined) return reject(error)
        const reading: SecretReading = {
          reference: 'a',
          secret: new Secret('canary-1'),
          version: '1',
          kind: 'dynamic',
          downscoped: false,
          readAt: NOON,
          revoke: async () => {
            revoked += 1
          },
        }
        given.push(reading)
        return resolve(reading)
      })
    })
  return {
    begin,
    begun: () => answers.length,
    answer: (error?: Error) => answers.at(-1)?.(error),
    /** Whether the secret of the last reading was overwritten, and how many readings were revoked at their origin. */
    ended: () => ({ overwritten: isDisposed(given.at(-1)?.secret), revoked }),
  }
}

function isDisposed(secret: Secret | undefined): boolean {
  try {
    secret?.reveal()
    return false
  } catch {
    return true
  }
}

describe('shared flights', () => {
  it('VLT-35 begin once for all callers of one key, and give each a copy that outlives the original', async () => {
    const { begin, begun, answer, ended } = store()
    const flights = createSharedFlights()
    const { signal } = new AbortController()
    const callers = [flights.join('k', begin, undefined), flights.join('k', begin, signal)]
    expect([begun(), flights.has('k'), flights.has('other')]).toEqual([1, true, false])
    answer()
    const readings = await Promise.all(callers)
    await settled()
    expect(readings.map((reading) => reading?.secret.reveal())).toEqual(['canary-1', 'canary-1'])
    expect(ended().overwritten).toBe(true)
    expect(flights.has('k')).toBe(false)
  })

  it('VLT-35 begin again after each reading, successful or failed', async () => {
    const { begin, begun, answer } = store()
    const flights = createSharedFlights()
    const failed = new Error('failed')
    const callers = [flights.join('k', begin, undefined), flights.join('k', begin, undefined)]
    answer(failed)
    expect(
      (await Promise.allSettled(callers)).map((outcome) => outcome.status === 'rejected' && outcome.reason),
    ).toEqual([failed, failed])
    const next = flights.join('k', begin, undefined)
    answer()
    expect((await next)?.version).toBe('1')
    expect(begun()).toBe(2)
  })

  it('VLT-35 continue for other callers, also later ones, when a caller gives up', async () => {
    const { begin, begun, answer, ended } = store()
    const flights = createSharedFlights()
    const controller = new AbortController()
    const first = flights.join('k', begin, controller.signal)
    controller.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    const second = flights.join('k', begin, undefined)
    answer()
    expect((await second)?.secret.reveal()).toBe('canary-1')
    expect(begun()).toBe(1)
    await settled()
    expect(ended()).toEqual({ overwritten: true, revoked: 1 })
  })

  it('VLT-12 give a reading back when all callers have given up', async () => {
    const { begin, answer, ended } = store()
    const flights = createSharedFlights()
    const controller = new AbortController()
    const callers = [flights.join('k', begin, controller.signal), flights.join('k', begin, controller.signal)]
    controller.abort(new Error('enough'))
    await Promise.allSettled(callers)
    answer()
    await settled()
    expect(ended()).toEqual({ overwritten: true, revoked: 1 })
  })
})

describe('a reading for one caller', () => {
  it('VLT-12 belongs to the caller, and is given back when the caller has given up', async () => {
    const { begin, answer, ended } = store()
    const { signal } = new AbortController()
    const kept = readAlone(begin, signal)
    answer()
    expect((await kept)?.secret.reveal()).toBe('canary-1')
    await settled()
    expect(ended()).toEqual({ overwritten: false, revoked: 0 })

    const controller = new AbortController()
    const left = readAlone(begin, controller.signal)
    controller.abort(new Error('enough'))
    await expect(left).rejects.toThrow('enough')
    answer()
    await settled()
    expect(ended()).toEqual({ overwritten: true, revoked: 1 })
  })
})
