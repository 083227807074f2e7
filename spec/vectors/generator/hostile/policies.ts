/**
 * Policies that the arguments do not satisfy.
 *
 * @module
 */

import { float, link, type Value } from '../cbor.ts'
import { packedText } from '../container.ts'
import { mailer, owner, planner } from '../principals.ts'
import { cidOf, delegation, invocation, type Token } from '../token.ts'
import { type Hostile, refused, type Vector } from '../vector.ts'

/** All of them. */
export function policyVectors(): readonly Vector[] {
  return [...falseStatements(), ...unresolved(), ...links(), ...costly()]
}

/** Statement and arguments. */
type Pair = readonly [statement: Value, args: Value]

function falseStatements(): readonly Vector[] {
  const x = (value: Value): Value => ({ x: value })
  return [
    ...refused('policy-false', 'PRF-11', 'policy_unsatisfied', {
      ...pairs({
        '== of another text': [['==', '.to', 'bob@example.com'], { to: 'eve@example.com' }],
        '== of another case': [['==', '.to', 'bob@example.com'], { to: 'Bob@example.com' }],
        '== of a number and its text': [['==', '.x', 1], x('1')],
        '== of true and 1': [['==', '.x', true], x(1)],
        '== of null and false': [['==', '.x', null], x(false)],
        '== of an empty list and null': [['==', '.x', []], x(null)],
        '== of a text and its bytes': [['==', '.x', 'a'], x(Uint8Array.of(0x61))],
        '== of a list and a longer one': [['==', '.x', [1, 2]], x([1, 2, 3])],
        '== of a list and a shorter one': [['==', '.x', [1, 2]], x([1])],
        '== of other bytes': [['==', '.x', Uint8Array.of(1)], x(Uint8Array.of(2))],
        '== of another link': [['==', '.x', link(cidOf(new Uint8Array()))], x(link(cidOf(Uint8Array.of(1))))],
        '== of bytes and longer ones': [['==', '.x', Uint8Array.of(1)], x(Uint8Array.of(1, 2))],
        '== of bytes and shorter ones': [['==', '.x', Uint8Array.of(1, 2)], x(Uint8Array.of(1))],
        '== of bytes and a list of them': [['==', '.x', [1]], x(Uint8Array.of(1))],
        '== of a text and a longer one': [['==', '.x', 'a'], x('ab')],
        '== of a list in another order': [['==', '.x', [1, 2]], x([2, 1])],
        '== of a map with one more key': [['==', '.x', { a: 1 }], x({ a: 1, b: 2 })],
        '== of a map with one key less': [['==', '.x', { a: 1, b: 2 }], x({ a: 1 })],
        '== of a list and a map of its indices': [['==', '.x', ['a']], x({ '0': 'a' })],
        '== of a link and its text': [
          ['==', '.x', link(cidOf(new Uint8Array()))],
          x('bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'),
        ],
        '== of an accent in another form': [['==', '.x', 'caf\u00e9'], x('cafe\u0301')],
        '!= of the same': [['!=', '.x', 'prod'], x('prod')],
        '!= of an integer and the same float': [['!=', '.x', 1], x(float(1))],
        '!= of 0 and -0': [['!=', '.x', 0], x(float(-0))],
        '< at the bound': [['<', '.x', 100], x(100)],
        '< above the bound, by a fraction': [['<', '.x', 100], x(100.5)],
        '<= above the bound': [['<=', '.x', 100], x(101)],
        '> at the bound': [['>', '.x', 0], x(0)],
        '>= below the bound': [['>=', '.x', 0], x(-1)],
        '<= of a text': [['<=', '.x', 100], x('1')],
        '<= of null': [['<=', '.x', 100], x(null)],
        '<= of a list': [['<=', '.x', 100], x([1])],
        '<= of true': [['<=', '.x', 100], x(true)],
        '< of a text': [['<', '.x', 100], x('1')],
        '< of null': [['<', '.x', 100], x(null)],
        '< of false': [['<', '.x', 100], x(false)],
        '> of a text': [['>', '.x', 0], x('1')],
        '> of a list': [['>', '.x', 0], x([1])],
        '> of true': [['>', '.x', 0], x(true)],
        '>= of a text': [['>=', '.x', 0], x('1')],
        '>= of null': [['>=', '.x', 0], x(null)],
        '>= of an empty list': [['>=', '.x', 0], x([])],
        'like of another beginning': [['like', '.x', 'mail-*'], x('mailx')],
        'like of another end': [['like', '.x', '*@example.com'], x('bob@example.com.evil.example')],
        'like of a beginning that occurs later': [['like', '.x', '/projects/*'], x('/x/projects/1')],
        'like of another case': [['like', '.x', 'A*'], x('abc')],
        'like without a star, of more': [['like', '.x', 'abc'], x('abcd')],
        'like of an escaped star': [['like', '.x', 'a\\*'], x('ab')],
        'like of overlapping pieces': [['like', '.x', 'aba*ba'], x('aba')],
        'like of a number': [['like', '.x', '*'], x(1)],
        'like of bytes': [['like', '.x', '*'], x(Uint8Array.of(0x61))],
        'like of a list': [['like', '.x', '*'], x(['a'])],
        'like of a question mark, which is no wild card': [['like', '.x', 'a?c'], x('abc')],
        'like of a full stop, which is no wild card': [['like', '.x', 'a.c'], x('abc')],
        'and of true and false': [
          [
            'and',
            [
              ['==', '.x', 1],
              ['==', '.x', 2],
            ],
          ],
          x(1),
        ],
        'or of false and false': [
          [
            'or',
            [
              ['==', '.x', 1],
              ['==', '.x', 2],
            ],
          ],
          x(3),
        ],
        'not of true': [['not', ['==', '.x', 1]], x(1)],
        'not of an empty or, which is true': [['not', ['or', []]], {}],
        'not of an empty and, which is true': [['not', ['and', []]], {}],
        'all with one that is false': [['all', '.x', ['<', '.', 3]], x([1, 2, 3])],
        'all over a map with one that is false': [['all', '.x', ['<', '.', 3]], x({ a: 1, b: 3 })],
        'all over a text': [['all', '.x', ['==', '.', 'a']], x('a')],
        'all over bytes': [['all', '.x', ['>=', '.', 0]], x(Uint8Array.of(1))],
        'all over null': [['all', '.x', ['==', '.', 1]], x(null)],
        'any with none that is true': [['any', '.x', ['==', '.', 4]], x([1, 2, 3])],
        'any over an empty list': [['any', '.x', ['==', '.', 1]], x([])],
        'any over an empty map': [['any', '.x', ['==', '.', 1]], x({})],
        'any over a number': [['any', '.x', ['==', '.', 1]], x(1)],
        'all of any': [['all', '.x', ['any', '.', ['==', '.', 1]]], x([[1], [2]])],
        'a negative index': [['==', '.x[-1]', 1], x([1, 2])],
        'a slice': [['==', '.x[1:]', [2]], x([1, 2, 3])],
        'a slice of bytes, which is no list': [['==', '.x[0:1]', [1]], x(Uint8Array.of(1, 2))],
        'values in the order of their names': [['==', '.x[]', [1, 2, 3]], x({ a: 1, bb: 2, c: 3 })],
        'a value of the whole': [['==', '.', {}], x(1)],
      }),
      'the second statement': {
        tokens: call(
          [
            [
              ['==', '.x', 1],
              ['==', '.y', 1],
            ],
          ],
          { x: 1, y: 2 },
        ),
        at: 0,
      },
    }),
    ...refused('policy-line-end', 'PRF-11', 'policy_unsatisfied', {
      ...pairs({
        'not like, a line feed': [['not', ['like', '.x', 'rm *']], x('rm \n-rf /')],
        'not like, a carriage return': [['not', ['like', '.x', 'rm *']], x('rm \r-rf /')],
        'not like, a line separator': [['not', ['like', '.x', 'rm *']], x('rm \u2028-rf /')],
        'not like, a paragraph separator': [['not', ['like', '.x', 'rm *']], x('rm \u2029-rf /')],
        'like, a line feed after it': [['like', '.x', '*@example.com'], x('bob@example.com\n')],
        'like, a line of its own': [['like', '.x', 'bob@example.com'], x('eve@evil.example\nbob@example.com')],
      }),
    }),
    ...refused('policy-inherited-name', 'PRF-11', 'policy_unsatisfied', {
      ...pairs({
        'constructor that is there': [['!=', '.constructor', 'x'], { constructor: 'x' }],
        'toString that is there': [['like', '.toString', 'a*'], { toString: 'b' }],
      }),
    }),
  ]
}

/** A comparison with a missing value is undecided: neither equal nor unequal, and a negation does not change that. */
function unresolved(): readonly Vector[] {
  const missing: Readonly<Record<string, Pair>> = {
    '==': [['==', '.x', 1], {}],
    '== null': [['==', '.x', null], {}],
    '!=': [['!=', '.x', 1], {}],
    '!= of a key in brackets': [['!=', '.["env"]', 'prod'], { environment: 'prod' }],
    '<': [['<', '.x', 1], {}],
    like: [['like', '.x', '*'], {}],
    'not ==': [['not', ['==', '.x', 1]], {}],
    'not not ==': [['not', ['not', ['==', '.x', 1]]], {}],
    'not like': [['not', ['like', '.x', 'a*']], {}],
    'not <': [['not', ['<', '.x', 1]], {}],
    'not all': [['not', ['all', '.x', ['==', '.', 1]]], {}],
    'not any': [['not', ['any', '.x', ['==', '.', 1]]], {}],
    'not and': [['not', ['and', [['==', '.x', 1]]]], {}],
    'not or': [['not', ['or', [['==', '.x', 1]]]], {}],
    'and with true': [
      [
        'and',
        [
          ['==', '.y', 1],
          ['==', '.x', 1],
        ],
      ],
      { y: 1 },
    ],
    'or with false': [
      [
        'or',
        [
          ['==', '.y', 1],
          ['==', '.x', 1],
        ],
      ],
      { y: 2 },
    ],
    'all over elements of which one lacks it': [['all', '.l', ['!=', '.x', 1]], { l: [{ x: 2 }, {}] }],
    'any over elements that lack it': [['any', '.l', ['!=', '.x', 1]], { l: [{}, { y: 1 }] }],
    'all over nothing that is there': [['all', '.x', ['==', '.', 1]], {}],
    'any over nothing that is there': [['any', '.x', ['==', '.', 1]], {}],
    'an index beyond the list': [['!=', '.l[3]', 1], { l: [1, 2, 3] }],
    'an index before the list': [['!=', '.l[-4]', 1], { l: [1, 2, 3] }],
    'an index before the list, from its other end': [['!=', '.l[-4]', 3], { l: [1, 2, 3] }],
    'an index of a text': [['!=', '.x[0]', 'b'], { x: 'abc' }],
    'an index of a map': [['!=', '.x[0]', 'b'], { x: { '0': 'a' } }],
    'a slice of a text': [['!=', '.x[0:1]', 'b'], { x: 'abc' }],
    'values of a text': [['not', ['==', '.x[]', 1]], { x: 'abc' }],
    'values of bytes': [['not', ['==', '.x[]', 1]], { x: Uint8Array.of(1) }],
    'a field of a text': [['!=', '.x.length', 4], { x: 'abc' }],
    'a field of a list': [['!=', '.l.length', 4], { l: [1, 2, 3] }],
    'a field of null': [['!=', '.x.y', 1], { x: null }],
    'a field behind one that may be absent': [['!=', '.x?.y', 1], {}],
    'one that may be absent behind a field': [['!=', '.x.y?', 1], {}],
    'a key of another case': [['!=', '.X', 1], { x: 1 }],
    'a key with a space': [['!=', '.x', 1], { 'x ': 1 }],
    'a key that has a full stop in it': [['!=', '.a.b', 1], { 'a.b': 1 }],
    'the name constructor': [['!=', '.constructor', 1], {}],
    'the name toString': [['not', ['==', '.toString', 1]], {}],
    'the name hasOwnProperty': [['!=', '.["hasOwnProperty"]', 1], {}],
    'the name __proto__': [['!=', '.__proto__', 1], {}],
    'constructor of a text': [['!=', '.x.constructor', 1], { x: 'a' }],
    'length of a list': [['>=', '.l.length', 0], { l: [] }],
    'byteLength of bytes': [['>=', '.b.byteLength', 0], { b: Uint8Array.of(1) }],
    'a slash in a link': [['!=', '.x["/"]', 1], { x: link(cidOf(new Uint8Array())) }],
  }
  return refused('policy-unresolved', 'PRF-11', 'policy_unsatisfied', pairs(missing))
}

/** Every link is evaluated, whatever later policies permit. */
function links(): readonly Vector[] {
  return refused('policy-of-a-link', 'PRF-11', 'policy_unsatisfied', {
    'the root forbids, the second has none': { tokens: call([[['==', '.x', 1]], []], { x: 2 }), at: 0 },
    'the root forbids, the second allows': { tokens: call([[['==', '.x', 1]], [['==', '.x', 2]]], { x: 2 }), at: 0 },
    'the root allows, the second forbids': { tokens: call([[['<', '.x', 9]], [['<', '.x', 2]]], { x: 2 }), at: 1 },
    'the root forbids, the second says or': {
      tokens: call(
        [
          [['==', '.x', 1]],
          [
            [
              'or',
              [
                ['==', '.x', 1],
                ['==', '.x', 2],
              ],
            ],
          ],
        ],
        { x: 2 },
      ),
      at: 0,
    },
    'the root is about an argument that is left out': {
      tokens: call([[['==', '.approved', true]], [['==', '.x', 1]]], { x: 1 }),
      at: 0,
    },
    'statements contradict': { tokens: call([[['==', '.x', 1]], [['!=', '.x', 1]]], { x: 1 }), at: 1 },
  })
}

/** More work than a policy may need. The result is not false, so a negation cannot turn it into true. */
function costly(): readonly Vector[] {
  const work = Array.from({ length: 100 }, () => ['==', '.', 0])
  const zeros = Array.from({ length: 1_000 }, () => 0)
  const over = (statement: Value): Hostile => ({ container: packedText(call([[statement]], { l: zeros })), at: 0 })
  const text = 'a'.repeat(20_000)
  return [
    ...refused('policy-over-budget', 'PRF-12', 'policy_over_budget', {
      'all over much': over(['all', '.l', ['and', work]]),
      'not all over much': over(['not', ['all', '.l', ['and', work]]]),
      'any of much, under or': over([
        'or',
        [
          ['any', '.l', ['not', ['and', work]]],
          ['==', '.l[0]', 0],
        ],
      ]),
    }),
    ...refused('policy-pattern-that-backtracks', 'PRF-11', 'policy_unsatisfied', {
      '7 stars, 60 characters': { tokens: call([[['like', '.x', '*a*a*a*a*a*a*b']]], { x: 'a'.repeat(60) }), at: 0 },
      '100 stars, 20,000 characters': {
        container: packedText(call([[['like', '.x', `${'*a'.repeat(100)}*b`]]], { x: text })),
        at: 0,
      },
      'pieces that repeat themselves': {
        container: packedText(call([[['like', '.x', `*${'a'.repeat(600)}b*`]]], { x: text })),
        at: 0,
      },
    }),
  ]
}

function pairs(list: Readonly<Record<string, Pair>>): Readonly<Record<string, Hostile>> {
  return Object.fromEntries(
    Object.entries(list).map(([name, [statement, args]]) => [name, { tokens: call([[statement]], args), at: 0 }]),
  )
}

/** A call through one delegation for each policy. */
function call(policies: readonly Value[], args: Value): readonly Token[] {
  const people = [owner, planner, mailer]
  const grants = policies.map((pol, at) =>
    delegation({ from: people[at] as typeof owner, to: people[at + 1] as typeof owner, pol }),
  )
  return [invocation({ by: people[policies.length] as typeof owner, args, prf: grants }), ...grants]
}
