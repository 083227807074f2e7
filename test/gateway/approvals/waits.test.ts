import { describe, expect, it } from 'vitest'
import { createTakenRequests } from '../../../src/gateway/approvals/taken-requests.ts'
import { createWaits } from '../../../src/gateway/approvals/waits.ts'

const known = (branch: string) => ({ branch, isKnown: true })
const stranger = (branch: string) => ({ branch, isKnown: false })

describe('the conversations that wait for answers', () => {
  it('APR-84 are at most 8 of a branch and 16 of strangers, and make room when they end', () => {
    const waits = createWaits()
    for (let round = 0; round < 3; round++) {
      const ends: (() => void)[] = []
      const begin = (count: number, standing: (at: number) => Parameters<typeof waits.begin>[0]): number => {
        const begun = Array.from({ length: count }, (_, at) => waits.begin(standing(at))).filter(
          (end) => end !== undefined,
        )
        ends.push(...begun)
        return begun.length
      }
      expect(begin(9, () => known('busy'))).toBe(8)
      expect(begin(20, (at) => stranger(`stranger ${at}`))).toBe(16)
      // Of the 8 that are left, an agent has as many as are free.
      expect(begin(9, () => known('another'))).toBe(4)
      expect(begin(9, () => known('one more'))).toBe(2)
      expect(begin(9, (at) => known(`agent ${at}`))).toBe(2)
      for (const end of ends) end()
    }
  })
})

describe('the requests that were taken', () => {
  it('APR-82 are remembered for each of 1,000 known agents, in a store that no other agent fills', () => {
    const clock = { now: () => 1_000 }
    const taken = createTakenRequests({ maxTaken: 1, maxTakenOf: 1, clock })
    const claim = (branch: string, key: string) => taken.of(branch).claim(key, 1_100, {})
    expect([claim('one', 'a'), claim('one', 'a')]).toEqual([true, false])
    expect(() => claim('one', 'b')).toThrow('holds its 1')
    expect([claim('other', 'a'), taken.ofStrangers.claim('a', 1_100, {})]).toEqual([true, true])
    for (let at = 0; at < 998; at++) taken.of(`agent ${at}`)
    expect(claim('one', 'a')).toBe(false)
    for (let at = 0; at < 1_000; at++) taken.of(`more ${at}`)
    expect(claim('one', 'b')).toBe(true)
  })
})
