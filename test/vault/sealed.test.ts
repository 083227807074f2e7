import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeBase64url } from '../../src/core/ipld/base.ts'
import { concatBytes } from '../../src/core/ipld/bytes.ts'
import { sha256Bytes } from '../../src/support/digest.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { clientCredentials } from '../../src/vault/processors/client-credentials.ts'
import { hmac } from '../../src/vault/processors/hmac.ts'
import { Secret } from '../../src/vault/secret.ts'
import { seal as seal256 } from '../../src/vault/stores/sealed/hpke.ts'
import { openSealed, sealContents } from '../../src/vault/stores/sealed/sealed-text.ts'
import {
  generateSealingKey,
  type SealingKey,
  type SealOptions,
  sealCredential,
  sealedVault,
  sealingPublicKey,
} from '../../src/vault/stores/sealed/sealed-vault.ts'
import type { Release } from '../../src/vault/vault.ts'
import {
  invalidArgument,
  movableClock,
  NOON,
  OWNER,
  permission,
  STRANGER,
  serve,
  type TestServer,
  vaultError,
} from './support.ts'

let key: SealingKey
let server: TestServer
beforeAll(async () => {
  key = await generateSealingKey()
  server = await serve((received, response) => void response.end(received.headers.authorization))
})
afterAll(() => server.close())

const seal = (extra: Partial<SealOptions> = {}): Promise<string> =>
  sealCredential({
    publicKey: key.publicKey,
    secret: 'canary-77',
    roots: [OWNER],
    commands: ['/crm'],
    origins: [server.origin],
    processor: bearer(),
    ...extra,
  })
const vaultOf = (crm: string, extra: object = {}): ReturnType<typeof sealedVault> =>
  sealedVault({
    privateKeys: [key.privateKey],
    origins: [server.origin],
    credentials: { crm },
    clock: movableClock(),
    ...extra,
  })
const use = (vault: ReturnType<typeof sealedVault>, facts: object = {}, reference = 'crm'): Promise<Response> =>
  vault.use({ reference, authorization: permission(facts), url: server.origin })
const integrity = vaultError('ERR_VAULT_INTEGRITY')
const earlier =
  'procura-sealed.1.ad-Nc-dAcVPvS5ZtYwsbSeTGBOJdf3A0dIiE3nb4Y1kZla5g-qktQs60VEFPpRy7mdtN7fGGf1EjbgIaJOQSr2KobmIjmYfP234yq' +
  'kgFAogfSErnWzpR_mze4Frw_Ix-zWeRcH4jhFtcaDKCrCBCmHNxFbaSmrXyexByht9OQoYmpVYnXamyoSsYp4Y1ubL8uodDvqF2rjMpQS5F30xzfulqr4-' +
  'lVLQA5klsJlIRfVnOLG1Fj9cnJMqEqpct4t31uLg57M1-VukSNySyjX12Qz1PxSIRzS_eQA_Qpu37dQkY8GHZLrw17PBGJIoMgcGqc2XJeG96UM8aPCFpk' +
  'TB99ZdgK2yy6IBzzRb7pukh8VlaxA-sh7YQfh2_zhyy7RDgRNc6vJKXSoaz1bAitmQk4UX4kc8IMq4d'

describe('sealed credentials', () => {
  it('contain the secret and its rules, and are used by the holder of the private key', async () => {
    const text = await seal()
    expect(text).toMatch(/^procura-sealed\.1\.[A-Za-z0-9_-]+$/)
    const response = await use(vaultOf(text))
    expect(await response.text()).toBe('Bearer [redacted]')
    expect(server.received.at(-1)?.headers.authorization).toBe('Bearer canary-77')
    expect(await sealingPublicKey(key.privateKey)).toEqual(key.publicKey)
  })

  it('are sealed for the public key that was passed, though the caller uses its memory for another one at once', async () => {
    const another = await generateSealingKey()
    const publicKey = new Uint8Array(key.publicKey)
    const sealed = seal({ publicKey })
    publicKey.set(another.publicKey)
    const response = await use(vaultOf(await sealed))
    expect(response.status).toBe(200)
  })

  it('VLT-27 keep their format: a sealed string of an earlier version opens', async () => {
    const privateKey = new Secret(
      Buffer.from('497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d', 'hex'),
    )
    const { rules, secret, expiration, version } = await openSealed([privateKey], earlier)
    expect({ rules: JSON.parse(rules), expiration, version }).toEqual({
      rules: {
        leasable: true,
        subjects: ['did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp'],
        commands: ['/crm'],
      },
      expiration: 1_900_000_000,
      version: 'aeb922beb3ec96b5',
    })
    expect(secret.reveal()).toBe('canary-1')
  })

  it('VLT-27 have contents of a multiple of 128 bytes, also with characters of several bytes', async () => {
    const lengthOf = async (separator: string, secret: string): Promise<number> => {
      const text = await seal({ secret, processor: hmac({ header: 'x-sig', covers: ['method', 'body'], separator }) })
      // Without the identifier of the key, the encapsulated key and the tag.
      return Buffer.from(text.slice('procura-sealed.1.'.length), 'base64url').length - 8 - 32 - 16
    }
    for (const separator of ['|', '\u00e9', '\u6c34\u6c34', '\u{1f600}']) {
      const lengths = [await lengthOf(separator, 'x'), await lengthOf(separator, 'x'.repeat(100))]
      expect([separator, ...lengths.map((length) => length % 128)]).toEqual([separator, 0, 0])
      expect(lengths[1]).toBeGreaterThan(lengths[0] ?? 0)
    }
  })

  it('VLT-32 are limited to roots of authority and commands', async () => {
    const vault = vaultOf(await seal())
    const unknown = vaultError('ERR_VAULT_UNKNOWN_REFERENCE')
    await expect(use(vault, { subject: STRANGER })).rejects.toMatchObject(unknown)
    await expect(use(vault, { path: '/mail/send' })).rejects.toMatchObject(unknown)
    await expect(use(vault, { path: '/crmx' })).rejects.toMatchObject(unknown)
    await expect(seal({ roots: [] })).rejects.toMatchObject(invalidArgument)
    await expect(seal({ commands: [] })).rejects.toMatchObject(invalidArgument)
    for (const rules of [
      '{"leasable":true}',
      '{"leasable":true,"commands":["/"]}',
      JSON.stringify({ leasable: true, subjects: [OWNER] }),
      '{"leasable":true,"only":["x"]}',
      '[]',
      'x',
    ]) {
      const text = await sealContents(key.publicKey, { rules, secret: new Secret('x'), expiration: undefined })
      const lease = vaultOf(text).lease('crm', { authorization: permission() })
      await expect(lease).rejects.toMatchObject(integrity)
    }
  })

  it('VLT-33 reach no origin that the service has not configured, directly or by their processor [attack 76]', async () => {
    const refused = vaultError('ERR_VAULT_ORIGIN_REFUSED')
    const elsewhere = await seal({ origins: ['https://evil.example'] })
    await expect(use(vaultOf(elsewhere))).rejects.toMatchObject(refused)
    const processor = clientCredentials({ tokenEndpoint: 'https://evil.example/token', clientId: 'c' })
    await expect(use(vaultOf(await seal({ processor })))).rejects.toMatchObject(refused)
  })

  it('ORG-16 cannot add a header that is dropped when a caller sends it', async () => {
    const before = server.received.length
    const rules = (name: string): string =>
      JSON.stringify({
        ...{ leasable: false, origins: [server.origin], methods: ['GET'], pathPrefix: '/', subjects: [OWNER] },
        ...{ commands: ['/crm'], processor: { type: 'header', name, format: '{secret}' } },
      })
    const sealed = (name: string): Promise<string> =>
      sealContents(key.publicKey, { rules: rules(name), secret: new Secret('DELETE'), expiration: undefined })
    const vault = sealedVault({ privateKeys: [key.privateKey], origins: [server.origin], acceptPresented: true })
    for (const name of ['x-http-method-override', 'x-original-url', 'forwarded', 'host', 'x_forwarded_host']) {
      const text = await sealed(name)
      await expect(use(vault, {}, text), name).rejects.toMatchObject(vaultError('ERR_VAULT_CONFIGURATION'))
    }
    expect(server.received).toHaveLength(before)
    expect((await use(vault, {}, await sealed('x-api-key'))).status).toBe(200)
    expect(server.received.at(-1)?.headers['x-api-key']).toBe('DELETE')
  })

  it('VLT-34 come with a call only if the service accepts that', async () => {
    const text = await seal()
    await expect(use(vaultOf(text), {}, text)).rejects.toMatchObject(vaultError('ERR_VAULT_UNKNOWN_REFERENCE'))
    const releases: Release[] = []
    const vault = sealedVault({ privateKeys: [key.privateKey], origins: [server.origin], acceptPresented: true })
    await vault.use(
      { reference: text, authorization: permission(), url: server.origin },
      { onRelease: (release) => void releases.push(release) },
    )
    expect(releases[0]?.reference).toMatch(/^sealed\/[0-9a-f]{32}$/)
    await expect(use(vault, { subject: STRANGER }, text)).rejects.toMatchObject(
      vaultError('ERR_VAULT_UNKNOWN_REFERENCE'),
    )
    // Any other name is unknown, and no text that was damaged.
    await expect(use(vault, {}, 'crm')).rejects.toMatchObject(vaultError('ERR_VAULT_UNKNOWN_REFERENCE'))
  })

  it('VLT-33, VLT-34 do not identify the sealer: a caller can present its own credential', async () => {
    // The public key is enough; the root has not consented.
    const own = await sealCredential({
      publicKey: await sealingPublicKey(key.privateKey),
      secret: 'canary-of-the-caller',
      roots: [OWNER],
      commands: ['/crm'],
      origins: [server.origin],
      processor: bearer(),
    })
    const vault = sealedVault({ privateKeys: [key.privateKey], origins: [server.origin], acceptPresented: true })
    expect((await use(vault, {}, own)).status).toBe(200)
    expect(server.received.at(-1)?.headers.authorization).toBe('Bearer canary-of-the-caller')
    await expect(use(vaultOf(await seal()), {}, own)).rejects.toMatchObject(vaultError('ERR_VAULT_UNKNOWN_REFERENCE'))
  })

  it('VLT-27 are refused when a character was changed, or when they were sealed for another key', async () => {
    const text = await seal()
    const head = 'procura-sealed.1.'.length
    for (const at of [head, head + 5, head + 12, head + 40, head + 80, text.length - 2]) {
      const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
      await expect(use(vaultOf(changed)), String(at)).rejects.toMatchObject(integrity)
    }
    for (const changed of [text.slice(0, -1), `${text}=`, `${text}AAAA`, 'procura-sealed.1.', 'procura-sealed.1.!!']) {
      await expect(use(vaultOf(changed))).rejects.toMatchObject(integrity)
    }
    const other = await generateSealingKey()
    await expect(use(vaultOf(text, { privateKeys: [other.privateKey] }))).rejects.toMatchObject(integrity)
    expect(await (await use(vaultOf(text, { privateKeys: [other.privateKey, key.privateKey] }))).text()).toContain(
      'redacted',
    )
  })

  it('VLT-27 are refused with a VaultError, whatever the holder of the public key has sealed [attack 76]', async () => {
    const rules = { leasable: false, origins: [server.origin], processor: { type: 'bearer' }, methods: ['GET'] }
    const lock = { subjects: [OWNER], commands: ['/crm'] }
    const text = (change: object): string => JSON.stringify({ ...rules, ...lock, pathPrefix: '/', ...change })
    const keyId = (await sha256Bytes(key.publicKey)).slice(0, 8)
    const context = { info: new TextEncoder().encode('procura-sealed@1'), aad: keyId }
    for (const contents of [
      null,
      { rules: text({ pathPrefix: '//' }), secret: 'aGVsbG8' },
      { rules: text({}), secret: '!' },
      { rules: text({}), secret: '' },
      { rules: text({}), secret: 7 },
      { rules: text({}), secret: 'aGVsbG8', expiration: '9999999999' },
      { rules: text({}), secret: 'aGVsbG8', expiration: 9_999_999_999.5 },
      { rules: '{', secret: 'aGVsbG8' },
    ]) {
      const plain = new TextEncoder().encode(JSON.stringify(contents))
      const { encapsulated, ciphertext } = await seal256(key.publicKey, plain, context)
      const sealed = `procura-sealed.1.${encodeBase64url(concatBytes([keyId, encapsulated, ciphertext]))}`
      const isWrongRule = contents?.secret === 'aGVsbG8' && contents.rules.includes('"pathPrefix":"//"')
      const code = isWrongRule ? 'ERR_VAULT_CONFIGURATION' : 'ERR_VAULT_INTEGRITY'
      await expect(use(vaultOf(sealed)), JSON.stringify(contents)).rejects.toMatchObject({ name: 'VaultError', code })
    }
  })

  it('end at their expiration', async () => {
    await expect(use(vaultOf(await seal({ expiration: NOON })))).rejects.toMatchObject(vaultError('ERR_VAULT_EXPIRED'))
    expect((await use(vaultOf(await seal({ expiration: NOON + 1 })))).status).toBe(200)
  })

  it('do not reveal the length of their secret', async () => {
    const lengths = await Promise.all(
      ['a', 'a'.repeat(20), 'a'.repeat(40)].map(async (secret) => (await seal({ secret })).length),
    )
    expect(new Set(lengths).size).toBeLessThan(3)
  })

  it('are opened by a key of 32 bytes; other lengths are refused when the vault is made', async () => {
    const text = await seal()
    for (const length of [1, 31, 33, 64]) {
      const privateKey = new Secret(new Uint8Array(length))
      expect(() => vaultOf(text, { privateKeys: [privateKey] })).toThrow(expect.objectContaining(invalidArgument))
      await expect(sealingPublicKey(privateKey)).rejects.toMatchObject(invalidArgument)
    }
  })

  it('refuse invalid options', async () => {
    const make =
      (extra: object): (() => unknown) =>
      () =>
        sealedVault({ privateKeys: [key.privateKey], origins: [], credentials: {}, ...extra })
    for (const extra of [
      {},
      { privateKeys: [], acceptPresented: true },
      { credentials: { a: 'hello' } },
      { origins: ['http://a.example'], acceptPresented: true },
    ]) {
      expect(make(extra)).toThrow(expect.objectContaining(invalidArgument))
    }
    // The public key of 32 zeros is of small order.
    for (const length of [31, 32]) {
      const publicKey = new Uint8Array(length)
      await expect(seal({ publicKey })).rejects.toMatchObject(invalidArgument)
    }
    await expect(seal({ secret: 'x'.repeat(40_000) })).rejects.toMatchObject(invalidArgument)
  })
})
