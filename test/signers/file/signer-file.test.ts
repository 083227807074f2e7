import { chmod, link, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verifyDelegation } from '../../../src/core/authorization/verify-delegation.ts'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import { decodeBase64url } from '../../../src/core/ipld/base.ts'
import { createAuthorizer, encodeContainer, invoke } from '../../../src/entries/index.ts'
import { ArgumentError } from '../../../src/errors.ts'
import {
  changeSignerFileKey,
  createSignerFile,
  describeSignerFile,
  openSignerFile,
  rotateSignerFile,
} from '../../../src/signers/file/signer-file.ts'
import { deriveKeys } from '../../../src/vault/stores/file/key.ts'
import { sealBox } from '../../../src/vault/stores/file/sealed-box.ts'
import { clock, now } from '../../support/actors.ts'
import { serviceOptions } from '../../support/service.ts'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'procura-signer-'))
  path = join(folder, 'agent.key')
})
afterEach(() => rm(folder, { recursive: true }))

const bytes = new Uint8Array(32).fill(7)
const key = { bytes }
const text = async (): Promise<string> => readFile(path, 'utf8')

describe('a signer file', () => {
  it.each(['Ed25519', 'ES256', 'ES256K'] as const)(
    'keeps a key of %s that signs after a restart',
    async (algorithm) => {
      const made = await createSignerFile({ path, algorithm, clock })
      const opened = await openSignerFile({ path })
      expect(opened).toMatchObject({ did: made.did, algorithm, created: now, previous: [] })
      const token = await delegate({ issuer: opened.signer, audience: made.did, command: '/a', clock })
      const call = await invoke({ issuer: made.signer, audience: made.did, subject: made.did, command: '/a', clock })
      const authorizer = createAuthorizer(serviceOptions({ audience: made.signer.did }))
      expect(await authorizer.authorize(encodeContainer([call]))).toMatchObject({ allowed: true })
      expect(token.issuer).toBe(made.did)
    },
  )

  it('SIG-28 is encrypted under another key in one step, with the same signers', async () => {
    await createSignerFile({ path, key })
    const { did, previous } = await rotateSignerFile({ path, key })
    const before = await text()
    const newKey = { bytes: new Uint8Array(32).fill(8) }
    await expect(changeSignerFileKey({ path, key: newKey, newKey: key })).rejects.toThrow(/is not the one of/)
    expect(await text()).toBe(before)
    await changeSignerFileKey({ path, key, newKey })
    await expect(openSignerFile({ path, key })).rejects.toThrow(/is not the one of/)
    const opened = await openSignerFile({ path, key: newKey })
    expect([opened.did, opened.previous.map((one) => one.did)]).toEqual([did, previous.map((one) => one.did)])
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('SIG-16 has mode 0600, replaces no file, and is refused when others may read it', async () => {
    await createSignerFile({ path })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const before = await text()
    await expect(createSignerFile({ path })).rejects.toThrow(/it exists already/)
    expect(await text()).toBe(before)
    for (const mode of [0o640, 0o604, 0o620]) {
      await chmod(path, mode)
      await expect(openSignerFile({ path })).rejects.toThrow(/other users have access to it; run chmod 600/)
      await expect(describeSignerFile({ path })).rejects.toThrow(/chmod 600/)
      await expect(rotateSignerFile({ path })).rejects.toThrow(/chmod 600/)
    }
    await chmod(path, 0o600)
    const other = join(folder, 'link')
    await symlink(path, other)
    await expect(rotateSignerFile({ path: other })).rejects.toThrow(/symbolic link/)
    await expect(createSignerFile({ path: other })).rejects.toThrow(/exists already/)
    await expect(openSignerFile({ path: folder })).rejects.toThrow(/it is a folder; pass the path of a file/)
    await expect(openSignerFile({ path: join(folder, 'none') })).rejects.toThrow(/procura key new/)
    await expect(createSignerFile({ path: join(folder, 'no', 'x') })).rejects.toThrow(/ENOENT/)
    await link(path, join(folder, 'hard'))
    expect((await openSignerFile({ path: join(folder, 'hard') })).did).toBe((await openSignerFile({ path })).did)
  })

  it('SIG-17 encrypts under a key, and opens under no other key and after no change', async () => {
    const { did, signer } = await createSignerFile({ path, key })
    expect((await openSignerFile({ path, key })).did).toBe(did)
    expect(await describeSignerFile({ path })).toMatchObject({ encrypted: true, keys: [{ did }] })
    expect(await text()).not.toContain('"d"')
    await expect(openSignerFile({ path })).rejects.toThrow(/it is encrypted; pass its `key`/)
    await expect(openSignerFile({ path, key: { bytes: new Uint8Array(32) } })).rejects.toThrow(
      /is not the one of the signer file/,
    )
    await expect(openSignerFile({ path, key: { passphrase: 'correct horse' } })).rejects.toThrow(
      /the signer file needs another kind of key; pass `keyFile` or `bytes`/,
    )
    const whole = await text()
    const other = await createSignerFile({ path: join(folder, 'other') })
    const changes = [
      whole.replace(did, other.did),
      whole.replace(/"created":\d+/, '"created":1'),
      whole.replace('"Ed25519"', '"ES256"'),
      whole.replace(/"box":"(.)/, (_, first) => `"box":"${first === 'A' ? 'B' : 'A'}`),
      whole.replace(/"salt":"(.)/, (_, first) => `"salt":"${first === 'A' ? 'B' : 'A'}`),
    ]
    for (const changed of changes) {
      expect(changed).not.toBe(whole)
      await writeFile(path, changed)
      await expect(openSignerFile({ path, key })).rejects.toMatchObject({ code: 'ERR_VAULT_INTEGRITY' })
    }
    // An unencrypted file in its place is not used under the key.
    await expect(openSignerFile({ path: join(folder, 'other'), key })).rejects.toThrow(/it is not encrypted/)
    expect(inspect(signer)).not.toMatch(/jwk|"d"/)
  })

  it('SIG-17 encrypts under a passphrase', async () => {
    const passphrase = { passphrase: 'correct horse battery' }
    const { did } = await createSignerFile({ path, key: passphrase, scryptCost: 16_384 })
    expect((await openSignerFile({ path, key: passphrase })).did).toBe(did)
    await expect(openSignerFile({ path, key: { passphrase: 'correct horse' } })).rejects.toThrow(
      /is not the one of the signer file/,
    )
  })

  it('SIG-17 keeps its format: an encrypted file of an earlier version opens', async () => {
    const did = 'did:key:z6MkkmcQxuPVKxfoq1bUaYps9VnXxEoEmg5JXRrp8XWBGF54'
    const earlier =
      '{"format":"procura-signer@1","keys":[{"did":"did:key:z6MkkmcQxuPVKxfoq1bUaYps9VnXxEoEmg5JXRrp8XWBGF5' +
      '4","algorithm":"Ed25519","created":1795840952}],"encryption":{"kind":"scrypt","salt":"QVg842utxTVMYj' +
      'Hi32uT3GRFeg3pp7wSCnFSIPPs6Vw","cost":16384},"box":"yIA9W7ncJV1A5khUTWf_jjvEXvhbcAS691zXO5LvlKIm3cra' +
      'ZdLbFxI4wvDlWV2Aooz3P6yPiy6lZjAjoK-MgputRIo9e1_noMaF6BKv6v1V_H6mWXL6fLsjUhgNibeliaj7jTqXOjrRfDsPSmva' +
      'cBkIVun2Nifw8O7A1ZbWX8KfOEHDJwubCmXDvMx9btrEWY6a5YFIenxvZmcJ7Ea7"}' +
      '\n'
    await writeFile(path, earlier, { mode: 0o600 })
    const { signer } = await openSignerFile({ path, key: { passphrase: 'correct horse battery' } })
    const token = await delegate({ issuer: signer, audience: did, command: '/a', clock })
    expect([signer.did, (await verifyDelegation([token], { clock })).verified]).toEqual([did, true])
  })

  it('SIG-18 rotates in one step: the new key signs, and earlier keys stay up to the chosen number', async () => {
    const first = await createSignerFile({ path, key, algorithm: 'ES256' })
    const second = await rotateSignerFile({ path, key, clock })
    expect(second).toMatchObject({ algorithm: 'ES256', created: now })
    expect(second.previous.map(({ did }) => did)).toEqual([first.did])
    const third = await rotateSignerFile({ path, key, keep: 2 })
    expect(third.previous.map(({ did }) => did)).toEqual([second.did, first.did])
    const last = await rotateSignerFile({ path, key, keep: 0 })
    const opened = await openSignerFile({ path, key })
    expect(opened).toMatchObject({ did: last.did, previous: [] })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    // A reader finds the old keys or the new ones at any time.
    let isDone = false
    const reading = (async () => {
      while (!isDone) await openSignerFile({ path, key })
    })()
    await Promise.all([1, 2, 3].map(() => rotateSignerFile({ path, key, keep: 9 })))
    isDone = true
    await reading
    expect((await openSignerFile({ path, key })).previous).toHaveLength(3)
    await expect(rotateSignerFile({ path, key: { bytes: new Uint8Array(32) } })).rejects.toThrow(
      /is not the one of the signer file/,
    )
    expect((await openSignerFile({ path, key })).previous).toHaveLength(3)
    await expect(rotateSignerFile({ path: join(folder, 'none') })).rejects.toThrow(/does not exist/)
    expect(await readdir(folder)).toEqual(['agent.key', 'agent.key.lock'])
  })

  it('SIG-18 keeps one previous key by default, and at most 15', async () => {
    await createSignerFile({ path })
    await rotateSignerFile({ path })
    expect((await rotateSignerFile({ path })).previous).toHaveLength(1)
    for (let count = 0; count < 16; count += 1) await rotateSignerFile({ path, keep: 15 })
    expect((await openSignerFile({ path })).previous).toHaveLength(15)
    const before = await text()
    for (const wrong of [{ keep: 16 }, { keep: -1 }, { lockTimeoutMs: 0 }])
      await expect(rotateSignerFile({ path, ...wrong })).rejects.toThrow(ArgumentError)
    expect(await text()).toBe(before)
  })

  it.each([
    [{ did: 'canary' }, '`did`'],
    [{ did: 'did:key:zCanary' }, '`did`'],
    [{ did: 'did:key:z6MkkmcQxuPVKxfoq1bUaYps9VnXxEoEmg5JXRrp8XWBGF54' }, '`did`'],
    [{ algorithm: 'RSA' }, '`algorithm`'],
    [{ key: { passphrase: 'correct horse' }, scryptCost: 3 }, '`scryptCost`'],
  ])('is not made with %o', async (options, name) => {
    const made = createSignerFile({ path, ...(options as object) })
    await expect(made).rejects.toThrow(ArgumentError)
    await expect(made).rejects.toThrow(name)
    expect(await readdir(folder)).toEqual([])
  })

  it('SIG-18 keeps the DID of a did:web, whose document lists the new key', async () => {
    const did = 'did:web:agents.example.com'
    await createSignerFile({ path, did: did as never })
    const rotated = await rotateSignerFile({ path })
    expect([rotated.did, ...rotated.previous.map((one) => one.did)]).toEqual([did, did])
    expect(rotated.signer.publicKey).not.toEqual(rotated.previous[0]?.publicKey)
  })

  it('SIG-19 is refused with an unknown field, a key under a foreign DID, or another form, without a part of the key in the error [attack 65]', async () => {
    const { did } = await createSignerFile({ path })
    const { did: foreign } = await createSignerFile({ path: join(folder, 'other') })
    const file = JSON.parse(await text())
    const secret = file.jwks[0].d as string
    const [entry] = file.keys
    const wrong: unknown[] = [
      { ...file, uses: 1 },
      { ...file, format: 'procura-signer@2' },
      { ...file, keys: [{ ...entry, notAfter: 1 }] },
      { ...file, keys: [{ ...entry, did: foreign }] },
      { ...file, keys: [{ ...entry, did: secret }] },
      { ...file, keys: [{ ...entry, algorithm: 'ES256' }] },
      { ...file, keys: [entry, entry] },
      { ...file, keys: [], jwks: [] },
      { ...file, jwks: undefined },
      { ...file, jwks: [{ ...file.jwks[0], x: undefined }] },
      { ...file, jwks: [{ ...file.jwks[0], d: secret.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')) }] },
      { ...file, box: 'AAAA' },
      { ...file, encryption: { kind: 'key', salt: 'AAAA' } },
      { ...file, encryption: { kind: 'key', salt: 'AAAA' }, box: 'AAAA' },
      { ...file, jwks: [...file.jwks, ...file.jwks] },
      { ...file, jwks: 'x' },
      { ...file, keys: [{ ...entry, created: -1 }] },
      { ...file, keys: [{ ...entry, created: '1' }] },
      { ...file, jwks: undefined, box: 'AAAA', encryption: { kind: 'scrypt', salt: 'AAAA', cost: 1 } },
      [file],
      'x',
    ]
    for (const one of wrong) {
      await writeFile(path, JSON.stringify(one))
      const error = await openSignerFile({ path }).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code: 'ERR_VAULT_INTEGRITY' })
      expect(inspect(error, { depth: 9 })).not.toContain(secret.slice(4, 40))
      await expect(describeSignerFile({ path })).rejects.toMatchObject({ code: 'ERR_VAULT_INTEGRITY' })
    }
    await writeFile(path, `{"d":"${secret}"`)
    await expect(openSignerFile({ path })).rejects.toThrow(
      `the signer file \`${path}\` cannot be read: it is not JSON in UTF-8`,
    )
    expect(await describeSignerFileOf(JSON.stringify(file))).toMatchObject({ encrypted: false })
    for (const bytes of [`\ufeff${JSON.stringify(file)}`, Buffer.from(JSON.stringify({ ...file, x: 'é' }), 'latin1')])
      await expect(describeSignerFileOf(bytes)).rejects.toThrow('it is not JSON in UTF-8')
    expect(await describeSignerFileOf(JSON.stringify(file).padEnd(65_536))).toMatchObject({ keys: [entry] })
    await writeFile(path, JSON.stringify(file).padEnd(65_537))
    await expect(openSignerFile({ path })).rejects.toThrow(
      `the signer file \`${path}\` cannot be read: it is longer than 65536 bytes`,
    )
    await writeFile(path, JSON.stringify(file))
    expect((await openSignerFile({ path })).did).toBe(did)
  })

  it('SIG-19 is not described with entries of another form, encrypted or not', async () => {
    await createSignerFile({ path, key })
    const file = JSON.parse(await text())
    for (const change of [{ did: '' }, { algorithm: 'RSA' }, { created: -1 }, { created: '1' }, { uses: 1 }]) {
      const changed = { ...file, keys: [{ ...file.keys[0], ...change }] }
      await expect(describeSignerFileOf(JSON.stringify(changed))).rejects.toMatchObject({ code: 'ERR_VAULT_INTEGRITY' })
    }
    const beside = { ...file, jwks: [{ kty: 'OKP' }] }
    await expect(describeSignerFileOf(JSON.stringify(beside))).rejects.toThrow('its private keys are missing')
  })

  it('SIG-19 is refused when its key opens it and private keys are missing, and not as a wrong key', async () => {
    const key = { bytes: new Uint8Array(32).fill(7) }
    const { did, algorithm, created } = await createSignerFile({ path, key })
    const { format, keys, encryption } = JSON.parse(await text())
    const derivation = { ...encryption, salt: decodeBase64url(encryption.salt, 64) }
    const purpose = { label: 'procura-signer@1', file: 'signer file' } as const
    const fileKeys = await deriveKeys(key, derivation, 1_000, purpose)
    const bound = new TextEncoder().encode(JSON.stringify([format, [[did, algorithm, created]]]))
    for (const content of ['[]', '[{},{}]', '{"length":1}', 'null']) {
      const sealed = sealBox(new TextEncoder().encode(content), bound, fileKeys)
      await writeFile(path, JSON.stringify({ format, keys, ...sealed }))
      await expect(openSignerFile({ path, key })).rejects.toThrow('cannot be read: its private keys are incomplete')
    }
  })

  it('SIG-17 derives the key of a passphrase with the documented cost', async () => {
    await createSignerFile({ path, key: { passphrase: 'correct horse battery' } })
    expect(JSON.parse(await text()).encryption).toMatchObject({ kind: 'scrypt', cost: 131_072 })
  })
})

async function describeSignerFileOf(content: string | Uint8Array) {
  await writeFile(path, content)
  return describeSignerFile({ path })
}
