import type { Policy } from 'procura'
import { describe, expect, it } from 'vitest'
import { untypedArguments } from '../../../src/cli/wrap/argument-rules.ts'

const namesOf = (policy: Policy, types = {}): readonly string[] =>
  untypedArguments(policy, { types }).map(({ name }) => name)

describe('a pattern on an argument without a type', () => {
  it.each(['*@example.com', 'team-*@example.com', 'bob@*', '*', 'https://example.com/*', '/data/*'])(
    'is reported for %s, until the argument has a type [WRP-16]',
    (pattern) => {
      expect(namesOf([['like', '.to', pattern]])).toEqual(['to'])
      expect(namesOf([['like', '.to', pattern]], { to: 'email' })).toEqual([])
    },
  )

  it.each(['.message.to', '.message["to"]', '.message[0].to'])(
    'is reported for %s without the advice to give the whole argument a type [WRP-16]',
    (selector) => {
      const [found] = untypedArguments([['like', selector, '*@example.com']], { types: { message: 'email' } })
      expect(found).toMatchObject({ name: selector.slice(1), type: expect.not.stringContaining('--type') })
      expect(namesOf([['like', '.to[0]', '*@example.com']], { to: 'email' })).toEqual([])
    },
  )

  it('is reported where another pattern of the argument is harmless, in any order [WRP-16]', () => {
    const patterns = [
      ['like', '.to', '*@example.com'],
      ['like', '.to', 'bob*'],
    ] as const
    expect(namesOf([['or', [...patterns]]])).toEqual(['to'])
    expect(namesOf([['or', [...patterns].reverse()]])).toEqual(['to'])
    expect(namesOf([['like', '.to', 'bob*']])).toEqual([])
  })
})
