import { describe, expect, it } from 'vitest'
import { createAuthorizer } from '../../../src/core/authorization/authorize.ts'
import { memoryStores } from '../../../src/core/authorization/memory-stores.ts'
import type { AuthorizeOptions } from '../../../src/core/authorization/options.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { actor, clock, now } from '../../support/actors.ts'
import { call, chainOf, serviceOptions, verdict } from '../../support/service.ts'

const [alice, bob] = await Promise.all(['alice', 'bob'].map((name) => actor(name)))
if (!alice || !bob) throw new Error('no actors')
const proofs = await chainOf(alice, bob)
const container = encodeContainer([await call({ issuer: bob, proofs }), ...proofs])

const never = (): Promise<never> => new Promise(() => undefined)

/** The decision with another store or resolver, within this time. */
async function decide(change: Partial<AuthorizeOptions>, signal?: AbortSignal): Promise<string> {
  const authorizer = createAuthorizer({ ...serviceOptions(), ...change })
  return verdict(await authorizer.authorize(container, signal === undefined ? {} : { signal }))
}

describe('a store that does not keep to its interface', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['1, as databases say it', 1],
    ['OK, as Redis answers', 'OK'],
    ['the text false', 'false'],
    ['an object', {}],
  ])('RPL-05 refuses when a claim is answered with %s [attack 22]', async (_, answer) => {
    const errors: unknown[] = []
    const onError = (error: unknown): void => void errors.push(error)
    for (const claim of [() => answer, () => Promise.resolve(answer)]) {
      expect(await decide({ replay: { claim: claim as never }, onError })).toBe('replay_unknown at 1 RPL-05')
    }
    expect(errors).toEqual(Array(2).fill(new TypeError('a replay store must answer true or false')))
  })

  it.each([
    ['something else than a list', { id: 'x' }],
    ['a list of texts', ['x']],
    ['a list of null', [null]],
    ['a record without an id', [{ revoker: alice.did }]],
    ['a record with the id as bytes', [{ id: new Uint8Array(36) }]],
    ['the operator as null', [{ id: 'x', revoker: null }]],
    ['a good record and a bad one', [{ id: 'x' }, { id: 1 }]],
  ])('RVK-06 refuses when a look-up is answered with %s [attack 22]', async (_, answer) => {
    for (const findRevocations of [() => answer, () => Promise.resolve(answer)]) {
      const verdict = await decide({ revocations: { findRevocations: findRevocations as never } })
      expect(verdict).toBe('revocation_unknown at container RVK-06')
    }
  })
})

describe('a store that hangs', () => {
  it.each([
    ['revocation_unknown at container RVK-06', { revocations: { findRevocations: never } }],
    ['replay_unknown at 1 RPL-05', { replay: { claim: never } }],
    ['key_unresolved at 1 PRF-10', { resolver: { resolve: never } }],
  ])(
    'ends in %s when the signal is aborted, whether it minds the signal or not [attack 22]',
    async (wanted, change) => {
      const callKeys = 'resolver' in change ? { ...change } : change
      expect(await decide(callKeys, AbortSignal.timeout(20))).toBe(wanted)
      expect(await decide(callKeys, AbortSignal.abort())).toBe(wanted)
    },
  )
})

describe('memoryStores', () => {
  it('gives both stores under the names of the options, with one clock', async () => {
    const stores = memoryStores({ clock })
    const authorizer = createAuthorizer({ ...serviceOptions(), ...stores })
    expect(verdict(await authorizer.authorize(container))).toBe('allowed')
    expect(verdict(await authorizer.authorize(container))).toBe('replayed at 1 RPL-01')
    await stores.revocations.add({ ids: [bob.did], expiration: now })
    expect(verdict(await authorizer.authorize(container))).toBe('revoked at 1 RVK-05')
  })

  it('shares nothing between two pairs', async () => {
    for (let pair = 1; pair <= 2; pair++) {
      const authorizer = createAuthorizer({ ...serviceOptions(), ...memoryStores({ clock }) })
      expect(verdict(await authorizer.authorize(container))).toBe('allowed')
    }
  })
})
