import { describe, expectTypeOf, it } from 'vitest'
import { optional } from '../../src/core/capability/argument-types/basic.ts'
import { type ArgumentsOf, type CommandDefinition, defineCommand } from '../../src/core/capability/definition.ts'
import { policyFor } from '../../src/core/capability/policy/policy-for.ts'
import type { Invalid, Selected } from '../../src/core/capability/policy/selected.ts'
import type { Statement } from '../../src/core/capability/policy/statement.ts'
import type { StandardSchema } from '../../src/core/capability/standard-schema.ts'

interface Mail {
  readonly to: string
  readonly cc?: string | undefined
  readonly amount: number
  readonly urgent: boolean
  readonly state: 'draft' | 'sent'
  readonly items: readonly { readonly name: string; readonly price: number; readonly tags?: readonly string[] }[]
  readonly meta: { readonly [key: string]: number }
  readonly 'odd key': string
  readonly bytes: Uint8Array
  readonly target: { readonly host: string } | string
  readonly free: unknown
}

declare const mail: CommandDefinition<Mail>
const is = policyFor(mail)

describe('selectors as types', () => {
  it('selects fields', () => {
    expectTypeOf<Selected<Mail, '.to'>>().toEqualTypeOf<string>()
    expectTypeOf<Selected<Mail, '.cc'>>().toEqualTypeOf<string>()
    expectTypeOf<Selected<Mail, '.cc?'>>().toEqualTypeOf<string | null>()
    expectTypeOf<Selected<Mail, '.cc???'>>().toEqualTypeOf<string | null>()
    expectTypeOf<Selected<Mail, '.["odd key"]'>>().toEqualTypeOf<string>()
    expectTypeOf<Selected<Mail, '["odd key"]'>>().toEqualTypeOf<string>()
    expectTypeOf<Selected<Mail, '.'>>().toEqualTypeOf<Mail>()
    expectTypeOf<Selected<Mail, '.?'>>().toEqualTypeOf<Mail>()
    expectTypeOf<Selected<Mail, '.meta["k"]'>>().toEqualTypeOf<number>()
    expectTypeOf<Selected<Mail, '.meta.k'>>().toEqualTypeOf<number>()
    expectTypeOf<Selected<Mail, '.target.host'>>().toEqualTypeOf<string>()
    expectTypeOf<Selected<Mail, '.free.anything[0]'>>().toEqualTypeOf<unknown>()
  })

  it('selects elements, ranges and values', () => {
    expectTypeOf<Selected<Mail, '.items[0].price'>>().toEqualTypeOf<number>()
    expectTypeOf<Selected<Mail, '.items[-1].name'>>().toEqualTypeOf<string>()
    expectTypeOf<Selected<Mail, '.items.[0].name'>>().toEqualTypeOf<string>()
    expectTypeOf<Selected<Mail, '.items[0].tags?[0]?'>>().toEqualTypeOf<string | null>()
    expectTypeOf<Selected<Mail, '.items[1:2]'>>().toEqualTypeOf<Mail['items']>()
    expectTypeOf<Selected<Mail, '.items[1:][0].name'>>().toEqualTypeOf<string>()
    expectTypeOf<Selected<Mail, '.items[]'>>().toEqualTypeOf<Mail['items']>()
    expectTypeOf<Selected<Mail, '.meta[]'>>().toEqualTypeOf<readonly number[]>()
    expectTypeOf<Selected<Mail, '.bytes[3]'>>().toEqualTypeOf<number>()
    expectTypeOf<Selected<Mail, '.bytes[:3]'>>().toEqualTypeOf<Uint8Array>()
  })

  it('has nothing for a wrong selector', () => {
    expectTypeOf<Selected<Mail, '.nope'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, 'to'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, ''>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, '..to'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, '.to.'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, '.to.length'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, '.items.length'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, '.items[01]'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, '.items[-0]'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, '.items[1.5]'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, '.items[:]'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, '.items[a:b]'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, '.items[0'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, '.user-id'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, '.meta[0]'>>().toEqualTypeOf<Invalid>()
    expectTypeOf<Selected<Mail, '.to '>>().toEqualTypeOf<Invalid>()
  })
})

describe('policyFor', () => {
  it('takes what fits the arguments', () => {
    expectTypeOf(is.eq('.to', 'ann@example.com')).toEqualTypeOf<Statement>()
    is.eq('.state', 'draft')
    is.eq('.cc?', null)
    is.ne('.urgent', true)
    is.lt('.amount', 100)
    is.lte('.items[0].price', 5)
    is.gt('.bytes[0]', 1)
    is.gte('.meta.k', 0)
    is.like('.to', '*@example.com')
    is.like('.target', 'x*')
    is.lt('.free.deep', 3)
    is.eq('.free', { any: ['thing'] })
    is.every('.items', (item) => item.and(item.like('.name', 'a*'), item.lt('.price', 3)))
    is.some('.items[0].tags', (tag) => tag.eq('.', 'new'))
    is.every('.meta', (value) => value.gt('.', 0))
    is.or(is.eq('.to', 'a'), is.not(is.eq('.to', 'b')))
  })

  it('does not compile with a wrong selector', () => {
    // @ts-expect-error no such argument
    is.eq('.nope', 1)
    // @ts-expect-error not a selector
    is.eq('to', 'ann')
    // @ts-expect-error a list does not have fields
    is.lt('.items.length', 3)
    // @ts-expect-error a string is not a number
    is.lt('.to', 3)
    // @ts-expect-error a number is not a string
    is.like('.amount', '*')
    // @ts-expect-error a string is not a collection
    is.every('.to', (element) => element.eq('.', 'x'))
    // @ts-expect-error the element does not have such a field
    is.every('.items', (item) => item.eq('.nope', 1))
  })

  it('does not compile with a wrong value', () => {
    // @ts-expect-error a number for text
    is.eq('.to', 5)
    // @ts-expect-error not one of the states
    is.eq('.state', 'lost')
    // @ts-expect-error null without a question mark
    is.eq('.cc', null)
    // @ts-expect-error a text bound
    is.lt('.amount', '100')
    // @ts-expect-error or of nothing is true
    is.or()
  })
})

describe('defineCommand', () => {
  it('infers the arguments', () => {
    const text = {} as StandardSchema<string>
    const number = {} as StandardSchema<number>
    const definition = defineCommand({ command: '/mail/send', args: { to: text, amount: optional(number) } })
    expectTypeOf(definition).toExtend<CommandDefinition<{ readonly to: string; readonly amount?: number }>>()
    expectTypeOf<ArgumentsOf<{ a: typeof text }>>().toEqualTypeOf<{ readonly a: string }>()
    policyFor(definition).lt('.amount', 3)
    // @ts-expect-error no such argument
    policyFor(definition).lt('.amounts', 3)
  })
})
