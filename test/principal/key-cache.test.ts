import { describe, expect, it, vi } from 'vitest'
import { parseDidKey } from '../../src/did/did-key.ts'
import { ArgumentError, MalformedError } from '../../src/errors.ts'
import type { CryptoBackend, PreparedKey } from '../../src/principal/backend/backend.ts'
import { backend as node } from '../../src/principal/backend/node.ts'
import { createKeyCache } from '../../src/principal/key-cache.ts'
import { backends } from './crypto-vectors.ts'

const did = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'

describe('a key cache', () => {
  it.each(backends)('parses and prepares a key once, on $name', async (backend) => {
    const prepareKey = vi.fn(backend.prepareKey)
    const cache = createKeyCache({ backend: { ...backend, prepareKey } })
    const key = cache.publicKey(did)
    expect(key).toEqual(parseDidKey(did))
    expect(cache.publicKey(did)).toBe(key)
    const prepared = await cache.prepared(key)
    expect(await cache.prepared(parseDidKey(did))).toBe(prepared)
    expect(prepareKey).toHaveBeenCalledOnce()
  })

  it('answers at once when the back end does', () => {
    const cache = createKeyCache({ backend: node })
    expect(cache.prepared(cache.publicKey(did))).not.toBeInstanceOf(Promise)
  })

  it('remembers no failure', async () => {
    const prepareKey = vi.fn<CryptoBackend['prepareKey']>().mockRejectedValueOnce(new Error('busy'))
    prepareKey.mockResolvedValue({} as PreparedKey)
    const cache = createKeyCache({ backend: { ...node, prepareKey } })
    const key = cache.publicKey(did)
    await expect(cache.prepared(key)).rejects.toThrow('busy')
    expect(await cache.prepared(key)).toEqual({})
    for (let i = 0; i < 2; i++) expect(() => cache.publicKey('did:key:zabc')).toThrow(MalformedError)
  })

  it('holds no more keys than it may [attack 73]', async () => {
    let count = 0
    const prepareKey = () => {
      count++
      return {} as PreparedKey
    }
    const cache = createKeyCache({ backend: { ...node, prepareKey }, max: 10 })
    const key = parseDidKey(did)
    const keys = Array.from({ length: 100 }, (_, i) => ({ ...key, did: `${did}${i}` as typeof key.did }))
    for (const one of keys) await cache.prepared(one)
    expect(count).toBe(100)
    for (const one of keys.slice(-5)) await cache.prepared(one)
    expect(count).toBe(100)
    for (const one of keys.slice(0, 90)) await cache.prepared(one)
    expect(count).toBe(190)
  })

  it.each([0, 1, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('has a size that is a number, unlike %d', (max) => {
    expect(() => createKeyCache({ backend: node, max })).toThrow(ArgumentError)
  })
})
