import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'
import { samePolicy } from '../../../../src/core/capability/policy/same-policy.ts'
import type { Policy } from '../../../../src/core/capability/policy/statement.ts'
import { decodeCbor } from '../../../../src/core/ipld/decode.ts'
import { encodeCbor } from '../../../../src/core/ipld/encode.ts'
import type { IpldValue } from '../../../../src/core/ipld/value.ts'
import { policyCases } from '../../../property/policy-arbitrary.ts'
import { shortRuns } from '../../../property/runs.ts'

const { title, ...runs } = shortRuns(20_000)

/** The policy as a reader of the token decodes it. */
const readBack = (policy: unknown): IpldValue => decodeCbor(encodeCbor(policy as IpldValue))

describe('samePolicy', () => {
  it(`returns the parsed policy only where parsing again would give an equal one (${title})`, () => {
    let same = 0
    fc.assert(
      fc.property(policyCases, ({ policy }) => {
        let parsed: Policy
        let value: IpldValue
        try {
          parsed = parsePolicy(policy)
          value = readBack(parsed)
        } catch {
          return
        }
        const found = samePolicy(value, parsed)
        if (found === undefined) return
        same += 1
        expect(found).toBe(parsed)
        // Also tells 0 from -0, and the order of keys.
        expect(found).toEqual(parsePolicy(value))
        expect(JSON.stringify(found)).toBe(JSON.stringify(parsePolicy(value)))
      }),
      runs,
    )
    expect(same).toBeGreaterThan(runs.numRuns / 10)
  })

  it.each<[string, unknown, unknown]>([
    ['another literal', ['==', '.a', 1], ['==', '.a', 2]],
    ['another type', ['==', '.a', 1], ['==', '.a', '1']],
    ['another selector', ['==', '.a', 1], ['==', '.b', 1]],
    ['another operator', ['==', '.a', 1], ['!=', '.a', 1]],
    ['a shorter list', ['==', '.a', [1, 2]], ['==', '.a', [1]]],
    ['a longer list', ['==', '.a', [1]], ['==', '.a', [1, 2]]],
    ['null in the place of a list', ['==', '.a', []], ['==', '.a', null]],
    ['minus zero', ['==', '.a', -0], ['==', '.a', 0]],
    ['a map', ['==', '.a', { b: 1 }], ['==', '.a', { b: 1 }]],
    ['bytes', ['==', '.a', Uint8Array.of(1)], ['==', '.a', Uint8Array.of(1)]],
    ['a nested statement', ['not', ['==', '.a', 1]], ['not', ['==', '.a', 2]]],
  ])('returns undefined for %s', (_, one, other) => {
    expect(samePolicy([other], parsePolicy([one]))).toBeUndefined()
  })

  it('returns undefined for a link, and for no list', () => {
    const link = CID.parse('bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi')
    expect(samePolicy(readBack([['==', '.a', link]]), parsePolicy([['==', '.a', link]]))).toBeUndefined()
    for (const value of [undefined, null, {}, '', 0]) expect(samePolicy(value, parsePolicy([]))).toBeUndefined()
  })
})
