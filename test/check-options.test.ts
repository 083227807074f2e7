import { describe, expect, it } from 'vitest'
import { anything, checkOptions, checkTable, type Forms, having, listOf, maybe, number } from '../src/check-options.ts'
import { ArgumentError } from '../src/errors.ts'
import { attenuate, createAuthorizer, delegate, invoke } from '../src/index.ts'
import { actor, clock } from './support/actors.ts'
import { serviceOptions } from './support/service.ts'

interface Options {
  readonly policy?: unknown
  readonly maxLength?: number
  readonly clock?: { now(): number }
}

const forms: Forms<Options> = { policy: anything, maxLength: maybe(number(0)), clock: maybe(having('now')) }
const read = (options: unknown): Options => checkOptions('f', options as Options, forms)
const messageOf = (task: () => unknown): string => {
  try {
    task()
  } catch (error) {
    if (error instanceof ArgumentError) return error.message
    throw error
  }
  return ''
}

describe('the names of options', () => {
  it('are told with the nearest one and all there are when one is unknown', () => {
    expect(messageOf(() => read({ polciy: [] }))).toBe(
      'f has no option `polciy`; did you mean `policy`? it has `policy`, `maxLength`, `clock`',
    )
    for (const [unknown, near] of [
      ['policies', 'policy'],
      ['Policy', 'policy'],
      ['max', 'maxLength'],
      ['maxlength', 'maxLength'],
      ['maximumLength', 'maxLength'],
      ['clocks', 'clock'],
    ]) {
      expect
        .soft(messageOf(() => read({ [unknown as string]: 1 })))
        .toContain(`\`${unknown}\`; did you mean \`${near}\`?`)
    }
    expect(messageOf(() => read({ caveats: 1 }))).toBe(
      'f has no option `caveats`; it has `policy`, `maxLength`, `clock`',
    )
    expect(messageOf(() => checkOptions('g', { a: 1 }, {} as never))).toBe('g has no option `a`; it has none')
  })

  it('are refused also when their value is undefined, and when they are very long', () => {
    expect(messageOf(() => read({ polciy: undefined }))).toContain('`polciy`')
    expect(messageOf(() => read({ ['x'.repeat(1 << 20)]: 1 })).length).toBeLessThan(200)
    expect(messageOf(() => read({ '`\n': 1 }))).toContain('`\\u0060\\u000a`')
  })

  it('are looked at in objects without prototype, in instances of classes, and where they are inherited', () => {
    const bare = Object.assign(Object.create(null), { maxLength: 1 })
    expect(read(bare)).toEqual({ maxLength: 1 })
    expect(messageOf(() => read(Object.assign(Object.create(null), { maxLenght: 1 })))).toContain('`maxLenght`')
    class Made {
      readonly maxLength = 1
      readonly #now = 5
      get clock() {
        return { now: () => this.#now }
      }
    }
    expect(read(new Made())).toEqual({ maxLength: 1, clock: { now: expect.any(Function) } })
    class Wrong extends Made {
      readonly polciy = []
    }
    expect(messageOf(() => read(new Wrong()))).toContain('`polciy`')
    expect(messageOf(() => read(Object.create({ polciy: [] })))).toContain('`polciy`')
    expect(read(Object.create({ maxLength: 1 }))).toEqual({ maxLength: 1 })
    // What every object has is no option.
    expect(messageOf(() => read({ toString: 1 }))).toContain('`toString`')
    expect(messageOf(() => read(JSON.parse('{ "__proto__": 1 }')))).toContain('`__proto__`')
  })
})

describe('the values of options', () => {
  it('are read once, so that what was checked is what is used', () => {
    let reads = 0
    const options = {
      get maxLength() {
        reads += 1
        return reads
      },
    }
    expect(read(options)).toEqual({ maxLength: 1 })
    expect(reads).toBe(1)
  })

  it('say that they are a promise where something has to be made first', () => {
    const later = Promise.resolve() as never
    expect(messageOf(() => read({ clock: later }))).toBe('`clock` is a promise; await it')
    expect(messageOf(() => read(later))).toBe('the options of f are a promise; await it')
    expect(listOf(anything)([later])).toBe('holds a promise; await it')
    expect(messageOf(() => checkTable('f', { a: later }, having('now')))).toBe('`a` is a promise; await it')
  })
})

describe('a misspelled option', () => {
  it('signs nothing and decides nothing', async () => {
    const alice = await actor('alice')
    const bob = await actor('bob')
    const options = { issuer: alice, audience: bob.did, command: '/mail', clock }
    for (const wrong of [{ polciy: [] }, { policies: [] }, { expiresin: 5 }]) {
      await expect(delegate({ ...options, ...wrong })).rejects.toThrow(/^delegate has no option/)
    }
    const grant = await delegate(options)
    const next = { issuer: bob, audience: alice.did, clock }
    await expect(attenuate(grant, { ...next, ...{ commands: '/mail/read' } })).rejects.toThrow(
      'attenuate has no option `commands`; did you mean `command`?',
    )
    await expect(
      invoke({ issuer: bob, command: '/mail', proofs: [grant], clock, ...{ argumnets: {} } }),
    ).rejects.toThrow('invoke has no option `argumnets`')
    expect(() => createAuthorizer({ ...serviceOptions(), ...{ maxInvocationLifeTime: 5 } })).toThrow(
      'createAuthorizer has no option `maxInvocationLifeTime`; did you mean `maxInvocationLifetime`?',
    )
  })
})
