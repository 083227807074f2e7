import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/vault/secret.ts'
import { fixedToken, openbaoSource } from '../../src/vault/stores/openbao/openbao-vault.ts'

/**
 * Runs against a real server, if the environment names one: a KV engine (version 2) at `secret`, and a token that may
 * write below `secret/data/procura-test`. For example `bao server -dev -dev-root-token-id=root`.
 */
const address = process.env['PROCURA_OPENBAO_ADDRESS']
const token = process.env['PROCURA_OPENBAO_TOKEN'] ?? ''

describe('a real OpenBao server', () => {
  if (address === undefined) {
    it('is used when PROCURA_OPENBAO_ADDRESS and PROCURA_OPENBAO_TOKEN are set', () => {
      expect(token).toBe('')
    })
    return
  }

  const path = `procura-test/${crypto.randomUUID()}`
  const source = openbaoSource({
    address,
    login: fixedToken(token),
    secrets: { a: { engine: 'kv', path }, missing: { engine: 'kv', path: `${path}-missing` } },
  })

  it('stores a secret, returns it, and refuses a successor of an older version', async () => {
    expect(await source.read('missing', { scope: '' })).toBeUndefined()
    const first = await source.replace?.('a', { secret: Secret.ofFields({ token: 'one' }), expectedVersion: '0' })
    expect(first).toBe('1')
    const second = await source.replace?.('a', { secret: Secret.ofFields({ token: 'two' }), expectedVersion: '1' })
    const reading = await source.read('a', { scope: '' })
    expect([second, reading?.version, reading?.secret.revealField('token')]).toEqual(['2', '2', 'two'])
    const late = source.replace?.('a', { secret: Secret.ofFields({ token: 'three' }), expectedVersion: '1' })
    await expect(late).rejects.toMatchObject({ name: 'VaultError' })
  })
})
