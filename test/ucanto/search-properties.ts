/**
 * Properties of the search for a path, for any input.
 *
 * @module
 */

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import type { AuthorizeOptions } from '../../src/core/authorization/options.ts'
import { publicKey } from '../../src/core/did/did-key.ts'
import { type DidResolver, keyResolver } from '../../src/core/did/resolver.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { never } from '../../src/time.ts'
import type { Runs } from '../property/runs.ts'
import { actor } from '../support/actors.ts'
import { verdict } from '../support/service.ts'
import { ownOptions } from './peers.ts'
import { authority, cast, holds, scenarios, write } from './search-scenario.ts'

const fifth = await actor('fifth')
const keys = keyResolver()
const resolver: DidResolver = {
  resolve: (did, options) =>
    did === cast[4]?.did ? { keys: [publicKey('Ed25519', fifth.publicKey)] } : keys.resolve(did, options),
}

/** The verdict equals the verdict of trying all paths, with and without memory of other calls. */
export function searchProperties({ title, ...runs }: Runs): void {
  it(`UCT-65 UCT-49 find a path when there is one, whatever is remembered: ${title}`, async () => {
    const seen = { allowed: 0, denied: 0, attested: 0, exhausted: 0 }
    const warm = createAuthorizer(options())
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const now = Math.floor(Date.now() / 1000)
        const { archive, revoked } = await write(scenario, now)
        const revocations = memoryRevocationStore()
        for (const id of revoked) await revocations.add({ ids: [id], expiration: never })
        const cold = verdict(await createAuthorizer(options({ revocations })).authorize(archive))
        if (cold.endsWith('UCT-36') && cold.startsWith('too_large')) seen.exhausted += 1
        else expect(cold === 'allowed', cold).toBe(holds(scenario))
        seen[cold === 'allowed' ? 'allowed' : 'denied'] += 1
        if (cold === 'allowed' && scenario.drafts.some(({ issuer }) => issuer === 3)) seen.attested += 1
        // This authorizer has verified the same delegations in another call, without revocations.
        const store = { findRevocations: (ids: readonly string[]) => findIn(ids) }
        let findIn: (ids: readonly string[]) => never[] = () => []
        const authorizer = createAuthorizer(options({ revocations: store }))
        await authorizer.authorize(archive)
        findIn = (ids) => ids.filter((id) => revoked.includes(id)).map((id) => ({ id })) as never[]
        expect(verdict(await authorizer.authorize(archive))).toBe(cold)
        expect(verdict(authorizer.authorizeSync(archive))).toBe(cold)
        // This authorizer decides about all calls.
        await warm.authorize(archive)
        if (revoked.length === 0) expect(verdict(await warm.authorize(archive))).toBe(cold)
      }),
      runs,
    )
    for (const [answer, count] of Object.entries(seen)) {
      if (answer !== 'exhausted') expect.soft(count, answer).toBeGreaterThan(runs.numRuns / 400)
    }
    expect(seen.exhausted).toBeLessThanOrEqual(runs.numRuns / 100)
  })
}

function options(change: Partial<AuthorizeOptions> = {}): AuthorizeOptions {
  return ownOptions(
    { clockTolerance: 0, resolver, replay: { claim: () => true }, ...change },
    { attestationAuthorities: [authority.did] },
  )
}
