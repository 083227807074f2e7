import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import { assertAfterEpoch, readClaim } from '../../src/stores/epoch.ts'
import { keyedNames } from '../../src/stores/keyed-names.ts'
import { personalKeyBox } from '../../src/stores/personal-key-box.ts'
import { operator, queryFor, rowsOf } from '../../src/stores/revocation-rows.ts'
import { shortRuns } from '../property/runs.ts'
import { actor } from '../support/actors.ts'

const [alice, bob, carol] = await Promise.all([actor('alice'), actor('bob'), actor('carol')])
const secret = new Uint8Array(32).fill(1)
const names = keyedNames(secret)
const cid = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

describe('STO-01 names in a shared store', () => {
  it('are keyed hashes, different for each secret, kind and text', () => {
    const other = keyedNames(new Uint8Array(32).fill(2))
    const all = [names, other].flatMap((one) =>
      (['replay', 'revocation', 'revoker', 'personal-key'] as const).flatMap((kind) =>
        ['', 'a', alice.did, cid, 'a\0'].map((text) => one.hex(kind, text)),
      ),
    )
    expect(new Set(all).size).toBe(all.length)
    expect(all.every((name) => /^[0-9a-f]{32}$/.test(name))).toBe(true)
  })

  it('do not change when the caller overwrites the secret', () => {
    const own = secret.slice()
    const kept = keyedNames(own)
    own.fill(9)
    expect(kept.hex('replay', 'a')).toBe(names.hex('replay', 'a'))
  })

  it('need a secret of 32 bytes', () => {
    for (const wrong of [new Uint8Array(31), 'x'.repeat(32), undefined, new ArrayBuffer(32)]) {
      expect(() => keyedNames(wrong as never)).toThrow('`secret` must be a Uint8Array of 32 bytes or more')
    }
  })
})

describe('STO-03 the key of a person in a shared store', () => {
  it('opens with its name and secret alone, and contains no byte of the key in clear text', async () => {
    const box = personalKeyBox(secret)
    const sealed = await box.generate('alice')
    await expect(box.open('alice', sealed)).resolves.toMatchObject({ extractable: false })
    await expect(box.open('bob', sealed)).rejects.toThrow(StoreError)
    await expect(personalKeyBox(new Uint8Array(32).fill(2)).open('alice', sealed)).rejects.toThrow(StoreError)
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice()
      changed[at] = (changed[at] as number) ^ 1
      await expect(box.open('alice', changed)).rejects.toThrow(StoreError)
    }
  })
})

describe('RVK-11 revokers in a shared store', () => {
  const stored = [
    { ids: [cid], revoker: alice.did, expiration: 1 },
    { ids: [cid], revoker: bob.did, expiration: 1 },
    { ids: [cid], expiration: 1 },
    { ids: [carol.did], revoker: bob.did, expiration: 1 },
  ].flatMap((entry) => rowsOf(entry, names).rows)

  it('are found if they are in the query, and left out of the answer for a delegation otherwise', () => {
    const { recordsOf } = queryFor([cid, alice.did], names)
    expect(recordsOf(stored)).toEqual([{ id: cid, revoker: alice.did }, { id: cid }])
  })

  it('are omitted from the answer for a principal, which is revoked for any revoker', () => {
    const { recordsOf } = queryFor([carol.did], names)
    expect(recordsOf(stored)).toEqual([{ id: carol.did }])
  })

  it('are never confused with the operator', () => {
    expect(stored.filter(({ revoker }) => revoker === operator)).toHaveLength(1)
  })
})

describe('RPL-08 a call after a loss of data', () => {
  const bounds = { maxInvocationLifetime: 300, clockTolerance: 60 }

  /**
   * A service accepts a call before the loss, with any clock that is wrong by the tolerance at most, and any `iat` that
   * its issuer chose. The same call is not accepted after the loss by another service with another clock.
   */
  it('is refused if any service can have accepted it before, whatever `iat` its issuer chose', () => {
    const error = fc.integer({ min: -60, max: 60 })
    const property = fc.property(
      fc.record({
        before: fc.integer({ min: 1, max: 1000 }),
        after: fc.integer({ min: 0, max: 1000 }),
        lifetime: fc.integer({ min: -60, max: 360 }),
        iat: fc.option(fc.integer({ min: -1000, max: 1000 })),
        clocks: fc.tuple(error, error, error),
      }),
      ({ before, after, lifetime, iat, clocks: [first, second, preparing] }) => {
        const loss = 1_000_000
        const accepted = loss - before
        const expiration = accepted + first + lifetime
        const acceptedFrom = iat === null ? undefined : accepted + iat - 60
        const claim = readClaim('a', expiration + 60, acceptedFrom)
        const answer = (now: number, epoch: number): boolean => {
          try {
            assertAfterEpoch(claim, epoch, now, bounds)
            return true
          } catch {
            return false
          }
        }
        // Clocks differ by the tolerance at most, not each from the true time.
        fc.pre(Math.max(first, second, preparing) - Math.min(first, second, preparing) <= 60)
        if (!answer(accepted + first, 0)) return true
        return !answer(loss + after + second, loss + preparing) || loss + after + second > expiration + 60
      },
    )
    const { numRuns, seed } = shortRuns(20_000)
    fc.assert(property, { numRuns, seed })
  })

  it('is refused if no service may accept its expiry, since the store then has other bounds than the services', () => {
    for (const expiration of [Number.POSITIVE_INFINITY, 1_000_000 + 86_400]) {
      const claim = readClaim('a', expiration, undefined)
      expect(() => assertAfterEpoch(claim, 1_000_000, 1_000_100, bounds)).toThrow(
        '`maxInvocationLifetime` of the store',
      )
      const endless = { ...bounds, maxInvocationLifetime: Number.POSITIVE_INFINITY }
      expect(() => assertAfterEpoch(claim, 1_000_000, 1_000_100, endless)).toThrow('sign it again after')
      expect(() => assertAfterEpoch({ ...claim, acceptedFrom: 1_000_061 }, 1_000_000, 1_000_100, endless)).not.toThrow()
      expect(() => assertAfterEpoch(claim, 0, 1_000_100, bounds)).not.toThrow()
    }
  })

  it('is accepted again two tolerances after the store was prepared, if its clock is right', () => {
    const epoch = 1_000_000
    const signed = epoch + 121
    const claim = readClaim('a', signed + 60 + 60, signed - 60)
    expect(() => assertAfterEpoch(claim, epoch, signed, bounds)).not.toThrow()
    const early = readClaim('a', signed + 60 + 59, signed - 61)
    expect(() => assertAfterEpoch(early, epoch, signed, bounds)).toThrow('sign it again after')
  })
})
