import { afterEach, describe, expect, it, vi } from 'vitest'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import { newNonce } from '../../../src/core/envelope/nonce.ts'
import { invoke } from '../../../src/core/invocation/invoke.ts'
import { generateSigner } from '../../../src/core/principal/generate-signer.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { createNonces } from '../../../src/support/nonces.ts'

const hex = (nonce: Uint8Array): string => Buffer.from(nonce).toString('hex')

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Replaces the random source by one that counts, and returns the arrays that it filled. */
function countingSource(): Uint8Array[] {
  const filled: Uint8Array[] = []
  let next = 0
  vi.spyOn(crypto, 'getRandomValues').mockImplementation((array) => {
    const bytes = array as unknown as Uint8Array
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let at = 0; at < bytes.length; at += 4) view.setUint32(at, ++next)
    filled.push(bytes)
    return array
  })
  return filled
}

describe('a source of nonces', () => {
  it('makes nonces of 12 bytes in memory of their own, which never repeat', () => {
    const [one, other] = [createNonces(), createNonces()]
    const made = Array.from({ length: 5_000 }, () => [one(), other()]).flat()
    expect(new Set(made.map(hex)).size).toBe(10_000)
    for (const nonce of made) expect([nonce.length, nonce.buffer.byteLength]).toEqual([12, 12])
  })

  it('has every random byte in one nonce, in the order of the random source', () => {
    vi.useFakeTimers({ now: 0 })
    countingSource()
    const nonces = createNonces()
    const words = Array.from({ length: 200 }, nonces).flatMap((nonce) => {
      const view = new DataView(nonce.buffer)
      return [view.getUint32(0), view.getUint32(4), view.getUint32(8)]
    })
    expect(words).toEqual(Array.from({ length: 600 }, (_, index) => index + 1))
  })

  it('takes nothing from the random source before its first nonce', () => {
    const filled = countingSource()
    const nonces = createNonces()
    expect(filled).toEqual([])
    nonces()
    expect(filled.length).toBe(1)
  })
  it('overwrites the bytes that were used, and fills the same memory again', () => {
    vi.useFakeTimers({ now: 0 })
    const filled = countingSource()
    const nonces = createNonces()
    for (let count = 1; count <= 64; count++) {
      nonces()
      expect(filled[0]?.subarray(0, count * 12).every((byte) => byte === 0)).toBe(true)
      expect(filled[0]?.subarray(count * 12).some((byte) => byte !== 0)).toBe(count < 64)
    }
    nonces()
    expect(filled.length).toBe(2)
    expect(filled[1]).toBe(filled[0])
  })

  it('uses its random bytes in the second in which it took them, so that copies of a process differ', () => {
    vi.useFakeTimers({ now: 1_000 })
    const filled = countingSource()
    const nonces = createNonces()
    nonces()
    vi.setSystemTime(1_999)
    nonces()
    expect(filled.length).toBe(1)
    for (const now of [2_000, 1_000]) {
      vi.setSystemTime(now)
      const before = filled.length
      nonces()
      expect(filled.length).toBe(before + 1)
    }
  })
})

describe('the nonce of a new token', () => {
  const audience = 'did:web:example.com'

  it('is of the source of its signer: signers share no byte', async () => {
    vi.useFakeTimers({ now: 0, toFake: ['Date'] })
    const filled = countingSource()
    const [one, other] = [await generateSigner(), await generateSigner()]
    filled.length = 0
    for (const issuer of [one, other, one, other]) {
      await delegate({ issuer, audience, command: '/mail' })
      await invoke({ issuer, audience, command: '/mail' })
    }
    expect(filled.length).toBe(2)
    expect(new Set(filled.map(({ buffer }) => buffer)).size).toBe(2)
  })

  it('is new for each token of a signer, whoever wrote the signer', async () => {
    const own = await generateSigner()
    const foreign: Signer = { ...own }
    const derived = Object.create(own) as Signer
    const nonces = [own, foreign, derived].flatMap((signer) => Array.from({ length: 500 }, () => newNonce(signer)))
    expect(new Set(nonces.map(hex)).size).toBe(1_500)
  })
})
