import { describe, expectTypeOf, it } from 'vitest'
import { anything, type OptionChecks } from '../../src/support/options.ts'

interface Options {
  readonly issuer: string
  readonly policy?: readonly string[]
}

describe('the list of options of a function', () => {
  it('has every name of its interface, and no other', () => {
    const forms: OptionChecks<Options> = { issuer: anything, policy: anything }
    // @ts-expect-error an optional name is missing
    const short: OptionChecks<Options> = { issuer: anything }
    // @ts-expect-error a name is not one of the interface
    const long: OptionChecks<Options> = { issuer: anything, policy: anything, polciy: anything }
    // @ts-expect-error a list of strings does not name these
    const loose: OptionChecks<Options> = {} as Readonly<Record<string, typeof anything>>
    expectTypeOf([forms, short, long, loose]).toEqualTypeOf<OptionChecks<Options>[]>()
  })

  it('has the names of all members of a union', () => {
    expectTypeOf<keyof OptionChecks<{ readonly seed: 1 } | { readonly jwk: 2 }>>().toEqualTypeOf<'seed' | 'jwk'>()
  })
})
