import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { VaultError, type VaultErrorCode } from '../../src/errors.ts'
import { createTokenCache } from '../../src/vault/release/token-cache.ts'
import { createReadingCache } from '../../src/vault/resilience/reading-cache.ts'
import { type ResilienceOptions, type ResilientSource, resilient } from '../../src/vault/resilience/resilient.ts'
import { Secret } from '../../src/vault/secret.ts'
import type { ReadOptions, SecretReading, SecretSource } from '../../src/vault/source.ts'
import { invalidArgument, movableClock, NOON, vaultError } from './support.ts'

type Behaviour = 'answers' | 'fails' | 'hangs' | 'refuses' | 'has nothing' | 'fails every other time'

/** A store whose behaviour a test changes, and its clock. */
function unreliable(options: ResilienceOptions = {}, extra: Partial<SecretReading> = {}, perCall = false) {
  const state = {
    behaviour: 'answers' as Behaviour,
    reads: 0,
    revoked: 0,
    version: 1,
    now: 0,
    code: 'ERR_VAULT_REVOKED' as VaultErrorCode,
    /** Ends the last request that hangs. */
    letFail(): void {},
  }
  const source: SecretSource = {
    name: 'test',
    perCall: () => perCall,
    async read(reference: string, { signal }: ReadOptions) {
      state.reads += 1
      const { behaviour, version } = state
      if (behaviour === 'hangs')
        await new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason))
          state.letFail = () => reject(new VaultError('ERR_VAULT_UNAVAILABLE', 'the store is away'))
        })
      if (behaviour === 'fails' || (behaviour === 'fails every other time' && state.reads % 2 === 1)) {
        throw new VaultError('ERR_VAULT_UNAVAILABLE', 'the store is away')
      }
      if (behaviour === 'refuses') throw new VaultError(state.code, 'no')
      if (behaviour === 'has nothing') return undefined
      await new Promise((resolve) => setTimeout(resolve, 2))
      return {
        reference,
        secret: new Secret(`canary-${version}`),
        version: String(version),
        kind: 'static',
        downscoped: false,
        readAt: NOON,
        ...extra,
      }
    },
  }
  const clock = movableClock()
  const made = resilient(source, {
    attemptTimeoutMs: 200,
    retryAfterMs: 1,
    clock,
    monotonicMs: () => state.now,
    ...options,
  })
  return {
    state,
    clock,
    source: made,
    wait: (ms: number) => {
      state.now += ms
    },
  }
}

const read = async (
  source: ResilientSource,
  reference = 'a',
  options: Partial<ReadOptions> = {},
): Promise<SecretReading> => {
  const reading = await source.read(reference, { scope: '', ...options })
  if (reading === undefined) throw new Error('nothing')
  return reading
}
const away = vaultError('ERR_VAULT_UNAVAILABLE')

describe('an unavailable store', () => {
  it('VLT-13 is tried again with pauses, so that a temporary failure has no effect', async () => {
    const { state, source, wait } = unreliable()
    state.behaviour = 'fails every other time'
    for (let count = 0; count < 10; count += 1) {
      expect((await read(source)).secret.reveal()).toBe('canary-1')
      wait(3_000)
    }
    expect([state.reads, source.state()]).toEqual([20, 'closed'])
  })

  for (const behaviour of ['fails', 'hangs'] as const) {
    it(`VLT-13 gets no request after five failures in ten seconds, except a probe every five, when it ${behaviour} [attack 82]`, async () => {
      const { state, source, wait } = unreliable({ attempts: 1 })
      state.behaviour = behaviour
      for (let count = 0; count < 5; count += 1) await expect(read(source, `${count}`)).rejects.toMatchObject(away)
      expect([state.reads, source.state()]).toEqual([5, 'open'])

      for (let count = 0; count < 500; count += 1) {
        await expect(read(source, `${count}`)).rejects.toMatchObject(away)
      }
      expect(state.reads).toBe(5)

      for (let round = 1; round <= 3; round += 1) {
        wait(4_999)
        await expect(read(source)).rejects.toMatchObject(away)
        expect(state.reads).toBe(4 + round)
        wait(1)
        const probes = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => read(source, `${index}`)))
        expect(probes.every(({ status }) => status === 'rejected')).toBe(true)
        expect([state.reads, source.state()]).toEqual([5 + round, 'open'])
      }

      state.behaviour = 'answers'
      wait(5_000)
      expect((await read(source)).secret.reveal()).toBe('canary-1')
      expect(source.state()).toBe('closed')
      expect((await Promise.all(Array.from({ length: 20 }, (_, index) => read(source, `${index}`)))).length).toBe(20)
    })
  }

  it('VLT-13 whose source throws errors of another class is tried again, left alone and probed, for each secret', async () => {
    const failing = new Set<string>()
    const reads: string[] = []
    const kept = (reference: string): SecretReading => ({
      reference,
      secret: new Secret('canary-1'),
      version: '1',
      kind: 'static',
      downscoped: false,
      readAt: NOON,
    })
    const store: SecretSource = {
      name: 'test',
      async read(reference) {
        reads.push(reference)
        if (failing.has(reference)) throw new TypeError('fetch failed for canary-1')
        return kept(reference)
      },
    }
    let now = 0
    const monotonicMs = (): number => now
    const source = resilient(store, { retryAfterMs: 1, clock: movableClock(), monotonicMs, maxStale: 60 })
    await read(source)
    failing.add('a')
    // The error can be a refusal, so the kept copy is not used (VLT-16).
    expect(await read(source).catch((error: unknown) => error)).toMatchObject(away)
    const fresh = (): Promise<unknown> => read(source, 'a', { fresh: true }).catch((error: unknown) => error)
    const error = await fresh()
    expect(error).toMatchObject(away)
    expect(String(error)).toMatch(/the credential could not be read from its source \(TypeError\)$/)
    for (let count = 0; count < 20; count += 1) await fresh()
    expect(reads).toEqual(Array(6).fill('a'))
    expect((await read(source, 'b')).reference).toBe('b')
    expect(source.state()).toBe('closed')
    failing.clear()
    now += 5_000
    expect(await fresh()).toMatchObject({ reference: 'a' })
  })

  it('VLT-13 gets one probe; other calls for the same secret do not wait for the probe [attack 82]', async () => {
    const { state, source, wait } = unreliable({ attempts: 1, attemptTimeoutMs: 60_000 })
    state.behaviour = 'fails'
    await Promise.allSettled(Array.from({ length: 5 }, (_, index) => read(source, `${index}`)))
    wait(5_000)
    state.behaviour = 'hangs'
    const probe = read(source).catch((error: unknown) => error)
    // The probe is still in flight when all of them have their response.
    for (let count = 0; count < 20; count += 1) await expect(read(source)).rejects.toMatchObject(away)
    expect([state.reads, source.state()]).toEqual([6, 'probing'])
    state.letFail()
    expect(await probe).toMatchObject(away)
  })

  it('VLT-13 still gets requests when failures are rarer than that', async () => {
    const { state, source, wait } = unreliable({ attempts: 1 })
    state.behaviour = 'fails'
    for (let count = 0; count < 12; count += 1) {
      await expect(read(source)).rejects.toMatchObject(away)
      wait(2_600)
    }
    expect([state.reads, source.state()]).toEqual([12, 'closed'])
  })

  it('VLT-13 is probed even if the clock of the host was set back', async () => {
    const original = Date.now
    const { state, source, wait } = unreliable({ attempts: 1 })
    state.behaviour = 'fails'
    for (let count = 0; count < 5; count += 1) await expect(read(source)).rejects.toMatchObject(away)
    state.behaviour = 'answers'
    try {
      Date.now = () => original() - 3_600_000
      wait(5_000)
      expect((await read(source)).version).toBe('1')
    } finally {
      Date.now = original
    }
  })

  it('VLT-13 does not accumulate readings without limit', async () => {
    const { state, source } = unreliable({ attempts: 1, concurrency: 4, failures: 1_000 })
    state.behaviour = 'hangs'
    const readings = Array.from({ length: 20 }, (_, index) => read(source, `${index}`))
    const settled = await Promise.allSettled(readings)
    const messages = settled.map((outcome) =>
      outcome.status === 'rejected' ? String((outcome.reason as Error).message) : '',
    )
    expect(messages.filter((message) => message.startsWith('too many')).length).toBe(12)
    expect(state.reads).toBe(8)
  })
})

describe('a definite response', () => {
  it('is final: the store is not tried again, and the circuit breaker does not count it', async () => {
    for (const code of [
      'ERR_VAULT_REVOKED',
      'ERR_VAULT_INTEGRITY',
      'ERR_VAULT_CONFIGURATION',
      'ERR_VAULT_DOWNSCOPE',
    ] as const) {
      const { state, source } = unreliable()
      state.behaviour = 'refuses'
      state.code = code
      for (let count = 0; count < 9; count += 1) await expect(read(source)).rejects.toMatchObject(vaultError(code))
      expect([state.reads, source.state()]).toEqual([9, 'closed'])
    }
  })
})

describe('a shared flight', () => {
  it('VLT-35 serves all simultaneous calls for the same secret, each with its own copy', async () => {
    const { state, source } = unreliable()
    const readings = await Promise.all(Array.from({ length: 100 }, () => read(source)))
    expect(state.reads).toBe(1)
    readings[0]?.secret.dispose()
    expect(readings[99]?.secret.reveal()).toBe('canary-1')
    await read(source)
    expect(state.reads).toBe(2)
  })

  it('VLT-35 is not shared between references, scopes, or with a call that requires a fresh secret', async () => {
    const { state, source } = unreliable()
    await Promise.all([
      read(source),
      read(source, 'b'),
      read(source, 'a', { scope: 'x' }),
      read(source, 'a', { fresh: true }),
    ])
    expect(state.reads).toBe(4)
  })

  it('VLT-35 continues when one of the waiting calls gives up', async () => {
    const { state, source } = unreliable()
    const controller = new AbortController()
    const [first, second] = [read(source, 'a', { signal: controller.signal }), read(source)]
    controller.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    expect((await second).secret.reveal()).toBe('canary-1')
    expect(state.reads).toBe(1)
  })

  it('VLT-35 does not join calls that need a secret of their own', async () => {
    let revoked = 0
    const revoke = async (): Promise<void> => {
      revoked += 1
    }
    const { state, source } = unreliable({ keep: 60, maxStale: 60 }, { kind: 'dynamic', revoke }, true)
    await Promise.all([read(source), read(source)])
    expect(state.reads).toBe(2)
    const controller = new AbortController()
    const abandoned = read(source, 'a', { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(abandoned).rejects.toThrow('enough')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(revoked).toBe(1)
  })

  it('refuses a revocable secret of a source whose `perCall` does not return true', async () => {
    let revoked = 0
    const revoke = async (): Promise<void> => {
      revoked += 1
    }
    const { source } = unreliable({}, { revoke })
    await expect(read(source)).rejects.toMatchObject(vaultError('ERR_VAULT_CONFIGURATION'))
    expect(revoked).toBe(1)
  })
})

describe('a cached secret', () => {
  it('VLT-15 exists only if an option enables it [attack 82]', async () => {
    const { state, source } = unreliable()
    await read(source)
    state.behaviour = 'fails'
    await expect(read(source)).rejects.toMatchObject(away)
  })

  it('VLT-15 is used for `keep` seconds', async () => {
    const { state, source, wait } = unreliable({ keep: 10 })
    await read(source)
    wait(9_999)
    await read(source)
    expect(state.reads).toBe(1)
    await read(source, 'a', { fresh: true })
    wait(10_000)
    await read(source)
    expect(state.reads).toBe(3)
  })

  it('VLT-15 is used for `maxStale` seconds while the store is unavailable, and is marked as stale [attack 82]', async () => {
    const { state, source, wait } = unreliable({ maxStale: 60, attempts: 1 })
    await read(source)
    state.behaviour = 'fails'
    const stale = await read(source)
    expect([stale.secret.reveal(), stale.stale, stale.readAt]).toEqual(['canary-1', true, NOON])
    for (let count = 0; count < 10; count += 1) await read(source)
    expect(source.state()).toBe('open')
    await expect(read(source, 'a', { fresh: true })).rejects.toMatchObject(away)
    wait(60_000)
    await expect(read(source)).rejects.toMatchObject(away)
    await expect(read(source)).rejects.toMatchObject(away)
  })

  it('VLT-15 is not used after its expiration', async () => {
    const { state, source, clock } = unreliable({ maxStale: 600, keep: 600 }, { expiresAt: NOON + 30 })
    await read(source)
    state.behaviour = 'fails'
    clock.add(29)
    expect((await read(source)).secret.reveal()).toBe('canary-1')
    clock.add(1)
    await expect(read(source)).rejects.toMatchObject(away)
  })

  for (const behaviour of ['refuses', 'has nothing'] as const) {
    it(`VLT-16 is dropped when the store ${behaviour} [attack 82]`, async () => {
      const { state, source } = unreliable({ maxStale: 600 })
      await read(source)
      state.behaviour = behaviour
      await expect(read(source)).rejects.toThrow()
      state.behaviour = 'fails'
      await expect(read(source)).rejects.toMatchObject(away)
    })
  }

  it('VLT-16 is dropped when the store has no secret, which does not count as a failure', async () => {
    const { state, source } = unreliable({ maxStale: 600 })
    await read(source)
    state.behaviour = 'has nothing'
    expect(await source.read('a', { scope: '' })).toBeUndefined()
    expect(source.state()).toBe('closed')
  })

  it('VLT-15 is one of at most a thousand, and the oldest is dropped first [attack 86]', async () => {
    const options = { clock: movableClock(), monotonicMs: () => 0, keep: 60, maxStale: 0 }
    const cache = createReadingCache(options)
    const reading: SecretReading = {
      reference: 'a',
      secret: new Secret('canary-1'),
      version: '1',
      kind: 'static',
      downscoped: false,
      readAt: NOON,
    }
    for (let scope = 0; scope <= 1_000; scope += 1) cache.begin(`${scope}`, 'a').keep(reading)
    expect([cache.get('0', 60), cache.get('1', 60)?.version, cache.get('1000', 60)?.version]).toEqual([
      undefined,
      '1',
      '1',
    ])
  })

  it('VLT-15 is overwritten when it is next looked up after its time', () => {
    let now = 0
    const clock = movableClock()
    const made: Secret[] = []
    const secret = new Secret('canary-1')
    const copy = vi.spyOn(Secret.prototype, 'copy').mockImplementation(() => {
      made.push(new Secret('canary-1'))
      return made.at(-1) as Secret
    })
    onTestFinished(() => copy.mockRestore())
    const cache = createReadingCache({ clock, monotonicMs: () => now, keep: 10, maxStale: 60 })
    const reading = { reference: 'a', version: '1', kind: 'static', downscoped: false, readAt: NOON } as const
    cache.begin('aged', 'a').keep({ ...reading, secret })
    cache.begin('ended', 'a').keep({ ...reading, secret, expiresAt: NOON + 5 })
    expect(made.map(({ disposed }) => disposed)).toEqual([false, false])
    clock.add(5)
    expect(cache.get('ended', 60)).toBeUndefined()
    expect(made.map(({ disposed }) => disposed)).toEqual([false, true])
    now = 60_000
    expect(cache.get('aged', 60)).toBeUndefined()
    expect(made.map(({ disposed }) => disposed)).toEqual([true, true])
  })

  it('VLT-14 can be a token: their number is limited, and the oldest token is dropped first [attack 86]', async () => {
    const cache = createTokenCache(2)
    let made = 0
    const get = (key: string): Promise<unknown> =>
      cache.get(key, '1', NOON, async () => {
        made += 1
        return { secret: new Secret('canary-1'), expiresAt: NOON + 600, downscoped: false, versions: ['1'] }
      })
    for (const key of ['a', 'b', 'a', 'c', 'c', 'b', 'a']) await get(key)
    // a, b, c, and a again
    expect(made).toBe(4)
  })

  it('VLT-16 is dropped by `forget`', async () => {
    const { state, source } = unreliable({ maxStale: 600, keep: 600 })
    await read(source)
    await read(source, 'b')
    state.behaviour = 'fails'
    source.forget('a')
    await expect(read(source)).rejects.toMatchObject(away)
    expect((await read(source, 'b')).secret.reveal()).toBe('canary-1')
  })

  it('VLT-16 does not come from a reading that began before `forget`', async () => {
    const { state, source } = unreliable({ keep: 600 })
    const before = read(source)
    state.version = 2
    source.forget('a')
    const after = read(source)
    expect((await before).secret.reveal()).toBe('canary-1')
    expect((await after).secret.reveal()).toBe('canary-2')
    expect((await read(source)).secret.reveal()).toBe('canary-2')
    const again = read(source, 'a', { fresh: true })
    source.forget('a')
    await again
    state.behaviour = 'fails'
    await expect(read(source)).rejects.toMatchObject(away)
  })

  it('VLT-16 does not come from a reading that began before the store refused another, or had no secret', async () => {
    const refusals: readonly (() => Promise<undefined>)[] = [
      () => Promise.reject(new VaultError('ERR_VAULT_REVOKED', 'revoked')),
      async () => undefined,
    ]
    for (const refuse of refusals) {
      const answers: ((reading: SecretReading) => void)[] = []
      let isRefused = false
      const store: SecretSource = {
        name: 'test',
        read: () => (isRefused ? refuse() : new Promise((resolve) => answers.push(resolve))),
      }
      const source = resilient(store, { attempts: 1, keep: 600, maxStale: 600 })
      const before = read(source)
      isRefused = true
      await read(source, 'a', { fresh: true }).catch(() => undefined)
      const secret = new Secret('canary-1')
      answers[0]?.({ reference: 'a', secret, version: '1', kind: 'static', downscoped: false, readAt: NOON })
      await before
      expect(await read(source).catch(() => undefined)).toBeUndefined()
    }
  })

  it('VLT-16 ends with a replacement: neither an earlier secret is used after it, nor one that was read meanwhile', async () => {
    for (const isStored of [true, false]) {
      const given: unknown[] = []
      let version = 1
      let store = (): void => undefined
      const replaced = new Promise<void>((resolve, reject) => {
        store = () => (isStored ? resolve() : reject(new VaultError('ERR_VAULT_UNAVAILABLE', 'the store is away')))
      })
      const source = resilient(
        {
          name: 'test',
          read: async (reference) => ({
            reference,
            secret: new Secret(`canary-${version}`),
            version: String(version),
            kind: 'static',
            downscoped: false,
            readAt: NOON,
          }),
          async replace(...all) {
            given.push(...all)
            await replaced
            return '2'
          },
        },
        { keep: 600 },
      )
      const revealed = async (): Promise<string> => (await read(source)).secret.reveal()
      expect(await revealed()).toBe('canary-1')
      version = 2
      const successor = { secret: new Secret('canary-3'), expectedVersion: '1' }
      const replacing = source.replace?.('a', successor)
      expect(await revealed()).toBe('canary-2')
      version = 3
      store()
      if (isStored) expect(await replacing).toBe('2')
      else await expect(replacing).rejects.toMatchObject(away)
      expect(await revealed()).toBe('canary-3')
      expect(given).toEqual(['a', successor])
    }
  })

  it('is the newest one that was read', async () => {
    const { state, source } = unreliable({ maxStale: 600 })
    await read(source)
    state.version = 2
    await read(source)
    state.behaviour = 'fails'
    expect((await read(source)).secret.reveal()).toBe('canary-2')
  })
})

describe('resilient', () => {
  it('refuses invalid options', () => {
    const source: SecretSource = { name: 'test', read: async () => undefined }
    for (const options of [
      { attempts: 0 },
      { failures: 0 },
      { attemptTimeoutMs: Number.NaN },
      { keep: -1 },
      { maxStale: Number.NaN },
    ]) {
      expect(() => resilient(source, options)).toThrow(expect.objectContaining(invalidArgument))
    }
  })

  it('passes on the other methods of the source', async () => {
    const source: SecretSource = {
      name: 'test',
      read: async () => undefined,
      scope: (reference) => `scope of ${reference}`,
      replace: async () => '2',
      exclusively: (_reference, task) => task(),
    }
    const made = resilient(source)
    expect(made.scope?.('a', {} as never)).toBe('scope of a')
    expect(await made.replace?.('a', { secret: new Secret('x'), expectedVersion: '1' })).toBe('2')
    expect(await made.exclusively?.('a', async () => 'done')).toBe('done')
    expect(Object.keys(resilient({ name: 'test', read: async () => undefined })).sort()).toEqual([
      'forget',
      'forgotten',
      'name',
      'read',
      'state',
    ])
  })
})

describe('tokens without an expiry', () => {
  it('VLT-14 are not kept, and do not take the place of a token that is [attack 86]', async () => {
    const cache = createTokenCache(2)
    const made: string[] = []
    const get = (key: string, expiry: { readonly expiresAt?: number }): Promise<unknown> =>
      cache.get(key, '1', NOON, async () => {
        made.push(key)
        return { secret: new Secret('canary-1'), downscoped: false, versions: ['1'], ...expiry }
      })
    await get('kept', { expiresAt: NOON + 600 })
    for (const key of ['a', 'b', 'a', 'c']) await get(key, {})
    await get('kept', { expiresAt: NOON + 600 })
    expect(made).toEqual(['kept', 'a', 'b', 'a', 'c'])
  })
})
