import { describe, expect, it } from 'vitest'
import { createTakenRequests } from '../../../src/gateway/approvals/taken-requests.ts'
import { createWaits } from '../../../src/gateway/approvals/waits.ts'

const known = (branch: string) => ({ branch, isKnown: true })
const stranger = (branch: string) => ({ branch, isKnown: false })

describe('the conversations that wait for answers', () => {
  it('APR-84 are at most 8 of a branch and 16 of strangers, and make room when they end', () => {
    const waits = createWaits()
    for (let round = 0; round < 3; round++) {
      const begun = Array.from({ length: 9 }, () => waits.begin(known('busy')))
      expect(begun.filter(Boolean)).toHaveLength(8)
      const strangers = Array.from({ length: 20 }, (_, at) => stranger(`stranger ${at}`))
      const waiting = strangers.filter((one) => waits.begin(one))
      expect(waiting).toHaveLength(16)
      expect(waits.begin(known('another'))).toBe(true)
      waits.end(known('another'))
      for (let at = 0; at < 8; at++) waits.end(known('busy'))
      for (const one of waiting) waits.end(one)
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
