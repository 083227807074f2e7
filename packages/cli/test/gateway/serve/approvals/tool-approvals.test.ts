import { describe, expect, it } from 'vitest'
import { approvalRule } from '../../../../src/gateway/serve/approvals/tool-approvals.ts'

const rules = {
  one: { approvers: ['did:web:owner'], threshold: 1, usual: true },
  two: { approvers: ['did:web:owner', 'did:web:ann'], threshold: 2, usual: true },
  named: { approvers: ['did:web:ann'], threshold: 1 },
} as never
const browsers = ['did:key:browser', 'did:web:owner']

describe('the approvers of a tool', () => {
  it('APR-95 are also the keys of the page where one approval by a usual approver is enough, and nowhere else', () => {
    expect(approvalRule('one', rules, browsers)).toEqual({
      approvers: ['did:web:owner', 'did:key:browser'],
      threshold: 1,
    })
    // A person with a key in a file and one in a browser would count twice.
    expect(approvalRule('two', rules, browsers)).toEqual({ approvers: ['did:web:owner', 'did:web:ann'], threshold: 2 })
    expect(approvalRule('named', rules, browsers)).toEqual({ approvers: ['did:web:ann'], threshold: 1 })
  })

  it('APR-90 are those of the rule of the tool, or of the rule for every other tool', () => {
    const all = Object.assign({ '*': { approvers: ['did:web:bob'], threshold: 1 } }, rules) as never
    expect(approvalRule('named', all, [])?.approvers).toEqual(['did:web:ann'])
    for (const other of ['send', 'constructor', '__proto__', '*'])
      expect(approvalRule(other, all, browsers), other).toEqual({ approvers: ['did:web:bob'], threshold: 1 })
    for (const other of ['send', 'constructor', '__proto__', '*'])
      expect(approvalRule(other, rules, browsers), other).toBeUndefined()
    expect(approvalRule('one', undefined, browsers)).toBeUndefined()
  })
})
