import type { Policy } from '../../../../src/core/capability/policy/statement.ts'
import type { IpldMap } from '../../../../src/core/ipld/value.ts'

/** Policies and arguments that satisfy them. */
export const satisfied: Readonly<Record<string, readonly [Policy, IpldMap]>> = {
  'no statement': [[], {}],
  '== of a text': [[['==', '.to', 'bob@example.com']], { to: 'bob@example.com' }],
  '== of a list of maps': [[['==', '.x', [{ a: 1 }, null]]], { x: [{ a: 1 }, null] }],
  '== of the whole': [[['==', '.', { a: 1 }]], { a: 1 }],
  '== of null that is there': [[['==', '.x', null]], { x: null }],
  '== of null that may be absent': [[['==', '.x?', null]], {}],
  '!= of another': [[['!=', '.x', 'prod']], { x: 'test' }],
  '!= of another kind': [[['!=', '.x', 1]], { x: '1' }],
  '<= at the bound': [[['<=', '.amount', 100]], { amount: 100 }],
  '< of a fraction': [[['<', '.amount', 100]], { amount: 99.5 }],
  '> and >= of negative numbers': [
    [
      ['>', '.x', -2],
      ['>=', '.x', -1],
    ],
    { x: -1 },
  ],
  'like of a domain': [[['like', '.to', '*@example.com']], { to: 'bob@example.com' }],
  'like of an empty run': [[['like', '.to', '*bob*']], { to: 'bob' }],
  'like of a line end': [[['like', '.x', 'a*b']], { x: 'a\nb' }],
  'like of a star': [[['like', '.x', '\\*']], { x: '*' }],
  'like of a back-slash': [[['like', '.x', '\\a*']], { x: '\\ab' }],
  'like without text': [[['like', '.x', '']], { x: '' }],
  'and of nothing, or of nothing': [
    [
      ['and', []],
      ['or', []],
    ],
    {},
  ],
  'or of one that cannot be told and one that is true': [
    [
      [
        'or',
        [
          ['==', '.y', 1],
          ['==', '.x', 1],
        ],
      ],
    ],
    { x: 1 },
  ],
  'not of false': [[['not', ['==', '.x', 1]]], { x: 2 }],
  'all over a list': [[['all', '.to', ['like', '.', '*@example.com']]], { to: ['a@example.com', 'b@example.com'] }],
  'all over an empty list': [[['all', '.to', ['==', '.', 1]]], { to: [] }],
  'all over the values of a map': [[['all', '.x', ['<', '.', 3]]], { x: { a: 1, b: 2 } }],
  'any over a list': [[['any', '.x', ['==', '.', 3]]], { x: [1, 2, 3] }],
  'all of any': [[['all', '.x', ['any', '.', ['==', '.', 1]]]], { x: [[1], [2, 1]] }],
  'a key in brackets': [[['==', '.["user-id"]', 7]], { 'user-id': 7 }],
  'a key that is empty': [[['==', '.[""]', 7]], { '': 7 }],
  'a key with escapes': [[['==', '.["\\u0061\\n"]', 7]], { 'a\n': 7 }],
  'several question marks': [[['==', '.x??', null]], {}],
  'an index from the end': [[['==', '.x[-1]', 3]], { x: [1, 2, 3] }],
  'a slice': [[['==', '.x[1:-1]', [2]]], { x: [1, 2, 3] }],
  'a slice beyond the list': [[['==', '.x[5:9]', []]], { x: [1] }],
  'a byte': [[['==', '.x[0]', 255]], { x: Uint8Array.of(255) }],
  'values of a map in the order of its keys': [[['==', '.x[]', [1, 2]]], { x: { bb: 2, a: 1 } }],
  'values of a map, a short key first': [[['==', '.x[]', [1, 3, 2]]], { x: { bb: 2, a: 1, c: 3 } }],
  'a name that every object has': [[['==', '.constructor', 'x']], { constructor: 'x' }],
}
