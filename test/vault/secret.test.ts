import { inspect } from 'node:util'
import { serialize } from 'node:v8'
import { describe, expect, it } from 'vitest'
import { disposeAfter, Secret, toSecret } from '../../src/vault/secret.ts'
import { invalidArgument, vaultError } from './support.ts'

const value = 'canary-3f9a1c'

describe('Secret', () => {
  it('SEC-01 does not print its value in any way of printing [attack 65]', () => {
    const secret = new Secret(value)
    const nested = { secret, list: [secret], map: new Map([[secret, secret]]) }
    const printed = [
      String(secret),
      `${secret}`,
      JSON.stringify(nested),
      inspect(nested, { showHidden: true, depth: 9, getters: true }),
      inspect(secret, { customInspect: false, showHidden: true }),
      Object.prototype.toString.call(secret),
      JSON.stringify(Object.getOwnPropertyDescriptors(secret)),
      JSON.stringify(structuredClone({ ...nested, map: null })),
      serialize(secret).toString('latin1'),
      new Error('x', { cause: secret }).stack ?? '',
      inspect(new Error('x', { cause: secret })),
    ]
    for (const text of printed) expect(text).not.toContain(value)
    expect(printed.slice(0, 2)).toEqual(['Secret(redacted)', 'Secret(redacted)'])
    expect(JSON.stringify(nested)).toContain('Secret(redacted)')
  })

  it('SEC-02 cannot be read after it was disposed of', () => {
    const secret = new Secret(value)
    const copy = secret.copy()
    secret.dispose()
    secret[Symbol.dispose]()
    expect(secret.disposed).toBe(true)
    for (const read of [
      () => secret.reveal(),
      () => secret.revealBytes(),
      () => secret.revealField('x'),
      () => secret.copy(),
    ]) {
      expect(read).toThrow(expect.objectContaining(vaultError('ERR_VAULT_REVOKED')))
    }
    expect(copy.reveal()).toBe(value)
  })

  it('reveals text, bytes and fields', () => {
    expect(new Secret(value).reveal()).toBe(value)
    const bytes = Uint8Array.from([0, 255, 7])
    const secret = new Secret(bytes)
    bytes.fill(1)
    expect(secret.revealBytes()).toEqual(Uint8Array.from([0, 255, 7]))
    expect(() => secret.reveal()).toThrow(expect.objectContaining(vaultError('ERR_VAULT_INTEGRITY')))
    const fields = Secret.ofFields({ username: 'u', password: 'p' })
    expect(fields.revealField('password')).toBe('p')
    expect(fields.part('username').reveal()).toBe('u')
    expect(fields.fieldNames()).toEqual(['username', 'password'])
    for (const name of ['toString', '__proto__', 'constructor']) {
      expect(() => fields.revealField(name)).toThrow(expect.objectContaining(vaultError('ERR_VAULT_INTEGRITY')))
    }
  })

  it('has no fields unless it is a JSON object of strings', () => {
    for (const text of ['plain', '{broken', '{"a":1}', '[]', '{"a":{"b":"c"}}']) {
      expect(new Secret(text).fieldNames()).toEqual([])
    }
  })

  it('is not empty, and differs from objects that look like it', () => {
    expect(() => new Secret('')).toThrow(expect.objectContaining(invalidArgument))
    expect(Secret.is(new Secret('x'))).toBe(true)
    for (const other of [null, undefined, 'x', {}, Object.create(Secret.prototype)])
      expect(Secret.is(other)).toBe(false)
  })

  it('is not made of bytes that were transferred, or of a proxy of bytes', () => {
    const detached = new TextEncoder().encode(value)
    structuredClone(detached.buffer, { transfer: [detached.buffer] })
    for (const bytes of [detached, new Proxy(new Uint8Array(4), {})]) {
      expect(() => new Secret(bytes)).toThrow(expect.objectContaining(invalidArgument))
      expect(() => toSecret(bytes, 'test')).toThrow(expect.objectContaining(invalidArgument))
    }
  })

  it('has the methods of its class, which nobody can replace on it', () => {
    const secret = new Secret(value)
    for (const name of ['reveal', 'copy', 'dispose', 'toString', 'toJSON']) {
      expect(() => Object.assign(secret, { [name]: () => 'other' }), name).toThrow(TypeError)
    }
    expect(`${secret}`).not.toContain(value)
  })

  it('disposes of the secret of a task, however the task ends', async () => {
    const secret = new Secret(value)
    await expect(disposeAfter([secret, undefined], () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(secret.disposed).toBe(true)
  })
})
