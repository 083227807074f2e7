import { describe, expect, it } from 'vitest'
import { withLazySignal } from '../../src/support/lazy-signal.ts'

/** An object with a signal, and how often the signal was asked for. */
function counted(): { readonly made: { readonly signal: AbortSignal; readonly other: number }; count: number } {
  const { signal } = new AbortController()
  const result = { made: withLazySignal({ other: 1 }, () => made()), count: 0 }
  const made = (): AbortSignal => {
    result.count += 1
    return signal
  }
  return result
}

describe('a signal that is made when it is read', () => {
  it('is not made by what does not read it', () => {
    const one = counted()
    expect(Object.keys(one.made)).toContain('signal')
    expect('signal' in one.made && Object.hasOwn(Object.freeze(one.made), 'signal')).toBe(true)
    expect(one.count).toBe(0)
  })

  it.each<readonly [string, (made: { readonly signal: AbortSignal }) => AbortSignal]>([
    ['its name', (made) => made.signal],
    ['destructuring', ({ signal }) => signal],
    ['a copy by spreading', (made) => ({ ...made }).signal],
    ['`Object.assign`', (made) => Object.assign({}, made).signal],
    ['the rest of an object', ({ ...rest }) => rest.signal],
    ['a heir', (made) => (Object.create(made) as typeof made).signal],
    ['a proxy', (made) => new Proxy(made, {}).signal],
    ['a frozen object', (made) => Object.freeze(made).signal],
  ])('belongs to its own object when it is read by %s', (_how, read) => {
    const [one, other] = [counted(), counted()]
    expect(read(one.made)).toBeInstanceOf(AbortSignal)
    expect([one.count, other.count]).toEqual([1, 0])
    expect(read(one.made)).not.toBe(read(other.made))
  })

  it('cannot be replaced, neither in one object nor for all', () => {
    const { made } = counted()
    expect(() => Object.assign(made, { signal: undefined })).toThrow(TypeError)
    expect(Object.getOwnPropertyDescriptor(made, 'signal')).toMatchObject({ configurable: false, enumerable: true })
  })
})
