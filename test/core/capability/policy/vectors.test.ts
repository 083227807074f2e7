import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { compilePolicy } from '../../../../src/core/capability/policy/compile.ts'
import { explainPolicy } from '../../../../src/core/capability/policy/explain.ts'
import { parsePolicy } from '../../../../src/core/capability/policy/parse-policy.ts'
import type { IpldValue } from '../../../../src/core/ipld/value.ts'
import { MalformedError } from '../../../../src/errors.ts'
import { fromJson } from '../../../reference/dag-json.ts'

interface Case {
  readonly name: string
  readonly policy: unknown
  readonly args: unknown
  readonly expected: 'true' | 'false' | 'unresolved' | 'malformed' | 'over_budget'
}

interface Official {
  readonly args: IpldValue
  readonly policies: readonly unknown[]
}

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))

describe('vectors of our own', () => {
  const { cases } = read('../../../../spec/vectors/policy.json') as { readonly cases: readonly Case[] }

  it.each(cases.map((one) => [one.name, one] as const))('%s', (_, { policy, args, expected }) => {
    expect(outcome(fromJson(policy), fromJson(args) as IpldValue)).toBe(expected)
  })
})

describe.each([
  ['ucan-wg/spec', 'ucan-wg_spec/1.0.0/policy.pr200-fixed.json'],
  ['ucan-wg/rs-ucan', 'ucan-wg_rs-ucan/ucan/tests/fixtures/policy.json'],
])('official fixtures of %s', (_, path) => {
  const { valid, invalid } = read(`../../../fixtures/ucan/${path}`) as Record<'valid' | 'invalid', readonly Official[]>
  const pairs = (groups: readonly Official[]) =>
    groups.flatMap(({ args, policies }) => policies.map((policy) => [JSON.stringify(policy), args, policy] as const))

  it.each(pairs(valid))('allows %s', (_, args, policy) => {
    expect(compilePolicy(parsePolicy(policy)).evaluate(args)).toBeUndefined()
  })

  it.each(pairs(invalid))('does not allow %s', (_, args, policy) => {
    expect(compilePolicy(parsePolicy(policy)).evaluate(args)).toBeDefined()
  })
})

/** How both ways to ask come out, which must agree. */
function outcome(value: unknown, args: IpldValue): string {
  try {
    const policy = parsePolicy(value)
    const explained = explainPolicy(policy, args).outcome
    const objection = compilePolicy(policy).evaluate(args)
    expect(objection?.reason ?? 'true').toBe(explained)
    return explained
  } catch (error) {
    if (error instanceof MalformedError) return 'malformed'
    throw error
  }
}
