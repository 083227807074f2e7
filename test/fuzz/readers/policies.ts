/**
 * Readers of policies, selectors, patterns and arguments.
 *
 * @module
 */

import { compilePolicy } from '../../../src/core/capability/policy/compile.ts'
import { describePolicy } from '../../../src/core/capability/policy/describe-policy.ts'
import { explainPolicy } from '../../../src/core/capability/policy/explain.ts'
import { escapeGlob } from '../../../src/core/capability/policy/glob.ts'
import { parsePolicy } from '../../../src/core/capability/policy/parse-policy.ts'
import { parseSelector } from '../../../src/core/capability/policy/selector.ts'
import { comparePolicies } from '../../../src/core/capability/policy-analysis/compare-policies.ts'
import { findWidening } from '../../../src/core/capability/policy-analysis/find-widening.ts'
import { lintPolicy } from '../../../src/core/capability/policy-analysis/lint.ts'
import { permits } from '../../../src/core/capability/policy-analysis/permits.ts'
import type { StandardSchema } from '../../../src/core/capability/standard-schema.ts'
import { ipldEquals } from '../../../src/core/ipld/equal.ts'
import * as types from '../../../src/entries/arguments.ts'
import { MalformedError } from '../../../src/errors.ts'
import { mutateText, mutateValue, oddIpld } from '../mutate.ts'
import type { Random } from '../random.ts'
import { type Reader, reader } from '../reader.ts'

const policy: unknown = [
  ['==', '.to', 'bob@example.com'],
  ['like', '.subject', 'a*b\\*?'],
  ['not', ['any', '.list[]', ['<', '.size', 5]]],
  [
    'or',
    [
      ['!=', '.a?.b', 1],
      ['all', '.list[0:2]', ['>=', '.["x"]', 0]],
    ],
  ],
  [
    'and',
    [
      ['>', '.n', 1.5],
      ['<=', '.n', 9],
    ],
  ],
]
const selectors = ['.', '.a', '.a.b?', '.["a b"]', '.list[0]', '.list[-1:]', '.list[1:3]?', '.a[]']
const args: unknown = { to: 'bob@example.com', subject: 'axb', list: [{ size: 1, x: 2 }, [1]], a: { b: 1 }, n: 3 }
const hostilePolicy = (random: Random): unknown => mutateValue(policy, random, oddIpld)

/** A parsed policy; undefined if it is malformed. */
function readPolicy(random: Random): ReturnType<typeof parsePolicy> {
  try {
    return parsePolicy(hostilePolicy(random))
  } catch {
    return []
  }
}

const schemas: Readonly<Record<string, StandardSchema>> = {
  boolean: types.boolean(),
  bytes: types.bytes({ maxLength: 10 }),
  email: types.email(),
  hostName: types.hostName(),
  integer: types.integer({ max: 10 }),
  ipAddress: types.ipAddress(),
  listOf: types.listOf(types.text()),
  number: types.number({ min: 0 }),
  oneLine: types.oneLine(),
  oneOf: types.oneOf(['a', 'b']),
  optional: types.optional(types.text()),
  path: types.path(),
  segment: types.segment(),
  shellWord: types.shellWord(),
  text: types.text(),
  url: types.url(),
}
const good: readonly unknown[] = [
  ...[
    true,
    1,
    'a',
    'x@example.com',
    'example.com',
    '10.0.0.1',
    '::1',
    '/a/b',
    'https://example.com/a%20b?c=d#e',
    ['a'],
    new Uint8Array(3),
  ],
]

const errors = [MalformedError]

/** All of them. */
export const policyReaders: readonly Reader[] = [
  reader({ of: 'policy parsePolicy', input: hostilePolicy, read: parsePolicy, errors }),
  reader({
    of: 'policy parseSelector',
    input: (random) => mutateText(random.pick(selectors), random),
    read: parseSelector,
    errors,
  }),
  reader({
    of: 'policy compilePolicy',
    input: (random) => [hostilePolicy(random), mutateValue(args, random, oddIpld)] as const,
    read: ([hostile, found]) => compilePolicy(hostile as never).evaluate(found as never),
    errors,
  }),
  reader({
    of: 'policy explainPolicy',
    input: (random) => [hostilePolicy(random), mutateValue(args, random, oddIpld)] as const,
    read: ([hostile, found]) => explainPolicy(hostile as never, found as never),
    errors,
  }),
  reader({
    of: 'policy describePolicy',
    input: hostilePolicy,
    read: (hostile) => describePolicy(hostile as never),
    errors,
  }),
  reader({ of: 'policy lintPolicy', input: hostilePolicy, read: (hostile) => lintPolicy(hostile as never), errors }),
  reader({
    of: 'policy findWidening',
    input: (random) => [readPolicy(random), readPolicy(random)] as const,
    read: ([given, taken]) => findWidening(given, taken),
    errors,
  }),
  reader({
    of: 'policy comparePolicies',
    input: (random) => [hostilePolicy(random), hostilePolicy(random)] as const,
    read: ([first, second]) => comparePolicies(first as never, second as never),
    errors,
  }),
  reader({
    of: 'policy permits',
    input: (random) => [hostilePolicy(random), hostilePolicy(random)] as const,
    read: ([first, second]) => permits(first as never, second as never),
    errors,
  }),
  reader({ of: 'policy escapeGlob', input: (random) => mutateText('a*b\\*?', random), read: escapeGlob, errors }),
  ...Object.entries(schemas).map(([name, schema]) =>
    reader({
      of: `arguments ${name}`,
      input: (random) => (random.once(3) ? oddIpld(random) : mutateValue(random.pick(good), random, oddIpld)),
      read: (value) => schema['~standard'].validate(value),
      errors: [],
    }),
  ),
  reader({
    of: 'inside ipldEquals',
    input: (random) => [mutateValue(args, random, oddIpld), mutateValue(args, random, oddIpld)] as const,
    read: ([a, b]) => ipldEquals(a as never, b as never),
    errors: [],
  }),
]
