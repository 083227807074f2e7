import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { type Sodium, sodiumBackend } from '../../../src/core/principal/backend/sodium.ts'
import { ArgumentError } from '../../../src/errors.ts'
import { actor } from '../../support/actors.ts'
import { call, chainOf, createService, verdict } from '../../support/service.ts'

const sodium = createRequire(import.meta.url)('sodium-native') as Sodium

describe('the back end of libsodium', () => {
  it('decides as every other, at once, with keys of all kinds', async () => {
    const service = createService({ backend: sodiumBackend(sodium) })
    const actors = await Promise.all([actor('alice'), actor('bob', 'ES256'), actor('carol', 'ES256K'), actor('dan')])
    const proofs = await chainOf(...actors)
    const invocation = await call({ issuer: actors[3], proofs })
    expect(verdict(service.authorizeSync(encodeContainer([invocation, ...proofs])))).toBe('allowed')
    const bytes = invocation.bytes.slice()
    bytes[10] = (bytes[10] as number) ^ 1
    expect(verdict(service.authorizeSync(encodeContainer([{ bytes }, ...proofs])))).toBe(
      'signature_invalid at 3 PRF-08',
    )
  })

  it('is made of the package that it is made for', () => {
    for (const other of [undefined, null, {}, { crypto_sign_verify_detached: 1 }]) {
      expect(() => sodiumBackend(other as never)).toThrow(ArgumentError)
    }
  })
})
