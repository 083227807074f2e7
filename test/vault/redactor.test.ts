import { describe, expect, it } from 'vitest'
import { createRedactor } from '../../src/vault/redactor.ts'
import { Secret } from '../../src/vault/secret.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (...parts: readonly Uint8Array[]): string => parts.map((part) => new TextDecoder().decode(part)).join('')

describe('a redactor', () => {
  it('replaces secrets that arrive in parts, and that were disposed of since [SEC-04]', () => {
    const secrets = [new Secret('sk-live-7f3a'), Secret.ofFields({ user: 'ann', password: 'pass-word-1' })]
    const redactor = createRedactor(secrets)
    for (const secret of secrets) secret.dispose()
    const parts = ['a sk-li', 've-7f3a, c2stbGl2ZS03ZjNh pass-word', '-1 ann sk-'].map((part) =>
      redactor.push(bytes(part)),
    )
    expect(textOf(...parts)).toBe('a [redacted], [redacted] [redacted] ann ')
    expect(textOf(redactor.end())).toBe('sk-')
  })

  it('does not change when the bytes that it was given change', () => {
    const redactor = createRedactor([new Secret('sk-live-7f3a')])
    const part = bytes('a sk-live')
    expect(textOf(redactor.push(part))).toBe('a ')
    part.fill(0)
    expect(textOf(redactor.push(bytes('-7f3a b')))).toBe('[redacted] b')
  })

  it('finds nothing after its end [SEC-02]', () => {
    const redactor = createRedactor([new Secret('sk-live-7f3a')])
    redactor.dispose()
    expect(textOf(redactor.push(bytes('sk-live-7f3a')), redactor.end())).toBe('sk-live-7f3a')
  })

  it('finds no secret, and no part of one, that has fewer than `minBytes`', () => {
    const secrets = [new Secret('7-bytes'), new Secret('8-bytes!'), new Secret('Bearer 7-bytes'), new Secret('éééé')]
    const redactor = createRedactor(secrets, { minBytes: 8 })
    expect(textOf(redactor.push(bytes('7-bytes 8-bytes! Bearer 7-bytes éééé.')))).toBe(
      '7-bytes [redacted] [redacted] [redacted].',
    )
    expect(textOf(createRedactor([new Secret('123')]).push(bytes('123 313233.')))).toBe('123 [redacted].')
  })

  it('refuses other values, and shows none of them', () => {
    const disposed = new Secret('sk-live-7f3a')
    disposed.dispose()
    for (const wrong of [undefined, 'sk-live-7f3a', ['sk-live-7f3a'], [{}], new Secret('sk-live-7f3a')])
      expect(() => createRedactor(wrong as never)).toThrow('createRedactor takes a list of secrets: [new Secret(text)]')
    expect(() => createRedactor([disposed])).toThrow(expect.objectContaining({ name: 'VaultError' }))
    const redactor = createRedactor([new Secret('sk-live-7f3a')])
    for (const wrong of [undefined, 'sk-live-7f3a', [1], new ArrayBuffer(2)])
      expect(() => redactor.push(wrong as never)).toThrow('a redactor takes bytes: a Uint8Array')
  })
})
