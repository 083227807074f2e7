import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { VaultError } from '../../src/errors.ts'
import { SecretFailure } from '../../src/vault/release/failure.ts'
import { createStoreReader, type StoreReaderSettings } from '../../src/vault/resilience/store-reader.ts'
import { Secret } from '../../src/vault/secret.ts'
import type { SecretReading, SecretSource } from '../../src/vault/source.ts'
import { NOON, vaultError } from './support.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const away = new VaultError('ERR_VAULT_UNAVAILABLE', 'the store is away')
const settings: StoreReaderSettings = {
  attempts: 3,
  attemptTimeoutMs: 2_000,
  retryAfterMs: 50,
  failures: 5,
  failureWindowMs: 10_000,
  probeAfterMs: 5_000,
  concurrency: 64,
  monotonicMs: () => 0,
}

function readingOf(revoke?: SecretReading['revoke']): SecretReading {
  return {
    reference: 'a',
    secret: new Secret('canary-1'),
    version: '1',
    kind: 'dynamic',
    downscoped: false,
    readAt: NOON,
    ...(revoke !== undefined && { revoke }),
  }
}

/** A reader of a store; a function returns the response to each reading. */
function scene(answer: () => Promise<SecretReading>, extra: Partial<StoreReaderSettings> = {}) {
  const state = { reads: 0 }
  const source: SecretSource = {
    name: 'test',
    read: () => {
      state.reads += 1
      return answer()
    },
  }
  const reader = createStoreReader(source, { ...settings, ...extra })
  const read = (): Promise<unknown> => reader.read('a', 'a', { scope: '' }).catch((error: unknown) => error)
  return { state, reader, read }
}

describe('a reader of a store', () => {
  it('VLT-13 pauses longer before each further attempt', async () => {
    // An array of zeros makes each pause the shortest possible.
    const random = vi.spyOn(crypto, 'getRandomValues').mockImplementation((array) => array)
    onTestFinished(() => random.mockRestore())
    const { state, read } = scene(async () => {
      throw away
    })
    const work = read()
    const readsAfter = async (milliseconds: number): Promise<number> => {
      await vi.advanceTimersByTimeAsync(milliseconds)
      return state.reads
    }
    expect([await readsAfter(24), await readsAfter(1)]).toEqual([1, 2])
    expect([await readsAfter(49), await readsAfter(1)]).toEqual([2, 3])
    expect(await work).toBe(away)
    expect(await readsAfter(60_000)).toBe(3)
  })

  it('VLT-13 does not wait for an attempt that the circuit breaker would refuse', async () => {
    const { state, reader, read } = scene(
      async () => {
        throw away
      },
      { failures: 1 },
    )
    expect(await read()).toBe(away)
    expect([state.reads, reader.state(), vi.getTimerCount()]).toEqual([1, 'open', 0])
  })

  it('VLT-51 reads other secrets while one fails, and forgets its failures when a thousand others were read since [attack 82]', async () => {
    let asked = 0
    const source: SecretSource = {
      name: 'test',
      read: async (_reference, { scope }) => {
        if (scope !== 'limited') return readingOf()
        asked += 1
        throw new SecretFailure('the store returned status 429')
      },
    }
    const reader = createStoreReader(source, { ...settings, attempts: 1, concurrency: 1_000 })
    const read = (scope: string): Promise<unknown> =>
      reader.read(scope, 'a', { scope }).catch((error: unknown) => error)
    const attacked = (others: number): Promise<unknown[]> =>
      Promise.all(Array.from({ length: others }, (_, at) => [read('limited'), read(`other ${at}`)]).flat())
    for (const result of await attacked(100).then((all) => all.filter((_, at) => at % 2 === 1)))
      expect(result).toMatchObject({ version: '1' })
    // The requests at the same time were sent before the first failure.
    const before = asked
    await read('limited')
    expect([asked - before, reader.state(), reader.isClosed('limited'), reader.isClosed('other 1')]).toEqual([
      0,
      'closed',
      false,
      true,
    ])
    for (let at = 0; at < 1_100; at += 1) await read(`another ${at}`)
    expect(reader.isClosed('limited')).toBe(true)
    for (let times = 0; times < 20; times += 1) await read('limited')
    expect([asked - before, reader.state()]).toEqual([5, 'closed'])
    expect(await read('other 1')).toMatchObject({ version: '1' })
  })

  it('VLT-13 leaves no timer behind after a response', async () => {
    const { read } = scene(async () => readingOf())
    expect(await read()).toMatchObject({ version: '1' })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('VLT-12 gives back a reading that arrives after its attempt has timed out', async () => {
    let revoked = 0
    const late = readingOf(async () => {
      revoked += 1
    })
    const answer = (): Promise<SecretReading> => new Promise((resolve) => setTimeout(() => resolve(late), 3_000))
    const { read } = scene(answer, { attempts: 1 })
    const work = read()
    // A source has a turn to tell that the store was not at fault.
    await vi.advanceTimersByTimeAsync(2_001)
    expect(await work).toMatchObject(vaultError('ERR_VAULT_UNAVAILABLE'))
    expect(late.secret.reveal()).toBe('canary-1')
    await vi.advanceTimersByTimeAsync(999)
    expect(revoked).toBe(1)
    expect(() => late.secret.reveal()).toThrow()
    expect(vi.getTimerCount()).toBe(0)
  })
})
