/**
 * Malformed policies. A policy with an unknown part is refused, and the token with it.
 *
 * @module
 */

import type { Value } from '../cbor.ts'
import { owner, planner } from '../principals.ts'
import { delegation, invocation } from '../token.ts'
import { type Hostile, refused, type Vector } from '../vector.ts'

/** All of them. */
export function policyFormVectors(): readonly Vector[] {
  return [...statements(), ...selectors()]
}

function statements(): readonly Vector[] {
  const deep = (levels: number): Value => (levels === 1 ? ['==', '.x', 1] : ['not', deep(levels - 1)])
  return [
    ...refused('policy-form', 'POL-01', 'malformed', {
      'a map': policy({}),
      null: policy(null),
      'a text': policy('any'),
      'a statement of text': policy(['==']),
      'a statement that is null': policy([null]),
      'a statement that is a map': policy([{ '==': ['.x', 1] }]),
      'one statement for a list of them': policy(['==', '.x', 1]),
      'a text in and': policy([['and', ['x']]]),
    }),
    ...refused('policy-operator', 'POL-02', 'unsupported', statementsOf({
      'of JavaScript': ['===', '.x', 1],
      'of mathematics': ['\u2264', '.x', 1],
      'in upper case': ['AND', []],
      'with a space': ['== ', '.x', 1],
      'an extension': ['uses', 3],
      'of a later version': ['in', '.x', [1, 2]],
      'a name that every object has': ['constructor', '.x', 1],
      'under not': ['not', ['uses', 3]],
      'under any': ['any', '.l', ['matches', '.', '^a']],
    })),
    ...refused('policy-operator-form', 'POL-02', 'malformed', statementsOf({
      'an empty statement': [],
      'an empty statement under not': ['not', []],
      'a number': [1, '.x', 1],
      null: [null, '.x', 1],
      'a list': [['=='], '.x', 1],
    })),
    ...refused('policy-operands', 'POL-03', 'malformed', statementsOf({
      'no value': ['==', '.x'],
      'one value more': ['==', '.x', 1, 2],
      'no selector': ['==', 1, 1],
      'a selector of null': ['==', null, 1],
      'a bound of text': ['<', '.x', '100'],
      'a bound of null': ['>=', '.x', null],
      'a pattern of a number': ['like', '.x', 1],
      'a pattern of a list': ['like', '.x', ['a*', 'b*']],
      'and of a selector': ['and', '.x', []],
      'and of statements that are not in a list': ['and', ['==', '.x', 1], ['==', '.y', 1]],
      'and of two lists': ['and', [], []],
      'or of two lists': ['or', [], []],
      'or of a map': ['or', {}],
      'not of a selector': ['not', '.x', ['==', '.', 1]],
      'all without a selector': ['all', ['==', '.', 1]],
      'not of two statements': ['not', ['==', '.x', 2], ['==', '.x', 3]],
      'all of a list of three': ['all', '.x', ['==', '.', 1], ['==', '.', 2]],
      'any of a list of three': ['any', '.x', ['==', '.', 1], ['==', '.', 2]],
    })),
    ...refused('policy-too-deep', 'POL-04', 'too_large', {
      '17 statements': policy([deep(17)]),
    }),
    ...refused('policy-too-large', 'POL-05', 'too_large', {
      '257 statements': policy(Array.from({ length: 257 }, () => ['==', '.x', 1])),
      '257 statements, one of them around the others': policy([
        ['and', Array.from({ length: 256 }, () => ['==', '.x', 1])],
      ]),
    }),
  ]
}

function selectors(): readonly Vector[] {
  const selector = (text: string): Hostile => behindTrue(['!=', text, 1])
  return [
    ...refused('selector-form', 'SEL-01', 'malformed', {
      empty: selector(''),
      'no dot': selector('x'),
      'two dots': selector('..'),
      'two dots before a name': selector('..x'),
      'two dots within': selector('.x..y'),
      'a dot after it': selector('.x.'),
      'a hyphen': selector('.user-id'),
      'a space before it': selector(' .x'),
      'a space after it': selector('.x '),
      'a digit first': selector('.1x'),
      'a letter beyond ASCII': selector('.\u00e9'),
      'a star': selector('.*'),
      'of JSONPath': selector('$.x'),
      'a pipe of jq': selector('.x|.y'),
      'a question mark alone': selector('?'),
      'a question mark before a name': selector('.?x'),
      'a bracket that does not close': selector('.x[0'),
      'a bracket too many': selector('.x[0]]'),
      'a second colon': selector('.x[0:1:2]'),
      'a space in brackets': selector('.x[0 ]'),
      'a text and more in brackets': selector('.["x"y]'),
    }),
    ...refused('selector-text', 'SEL-03', 'malformed', {
      'a quote that does not close': selector('.["x]'),
      'an escape that is none': selector('.["\\x"]'),
      'a line end': selector('.["\n"]'),
      'half a surrogate': selector('.["\\ud83d"]'),
      'an escape at the end': selector('.["x\\'),
    }),
    ...refused('selector-number', 'SEL-04', 'malformed', {
      'a leading zero': selector('.x[01]'),
      'a leading zero, of an element that is there': policy([['==', '.x[01]', 'b']], { x: ['a', 'b'] }),
      'minus zero': selector('.x[-0]'),
      'minus zero, of an element that is there': policy([['==', '.x[-0]', 'a']], { x: ['a', 'b'] }),
      'minus alone': selector('.x[-]'),
      'a plus': selector('.x[+1]'),
      'a fraction': selector('.x[.5]'),
      'beyond 2^53': selector('.x[9007199254740993]'),
      'single quotes': selector(".['x']"),
      'a name': selector('.x[y]'),
      'a star': selector('.x[*]'),
      'a leading zero in a slice': selector('.x[00:1]'),
    }),
    ...refused('selector-slice', 'SEL-05', 'malformed', {
      'no bound': selector('.x[:]'),
    }),
    ...refused('selector-too-long', 'SEL-06', 'too_large', {
      '1,025 characters': selector(`.${'x'.repeat(1_024)}`),
      '65 segments': selector('.x'.repeat(65)),
    }),
  ]
}

/** A call through a delegation with a malformed policy. */
function policy(pol: Value, args: Value = { x: 1 }): Hostile {
  const grant = delegation({ from: owner, to: planner, pol })
  return { tokens: [invocation({ by: planner, args, prf: [grant] }), grant] }
}

/** Each statement alone, and where its result cannot matter. */
function statementsOf(statements: Readonly<Record<string, Value>>): Readonly<Record<string, Hostile>> {
  return Object.fromEntries(
    Object.entries(statements).flatMap(([name, statement]) => [
      [name, policy([statement])],
      [`${name}, behind one that is true`, behindTrue(statement)],
    ]),
  )
}

/** A verifier that takes the malformed statement for false, or does not look at it, allows the call. */
function behindTrue(statement: Value): Hostile {
  return policy([['or', [['==', '.y', 1], statement]]], { x: 1, y: 1 })
}
