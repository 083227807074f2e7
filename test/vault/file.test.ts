import { execFileSync } from 'node:child_process'
import { createHmac, hkdfSync, pbkdf2, scryptSync } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileLock } from '../../src/support/file-lock/file-lock.ts'
import { heldName } from '../../src/support/file-lock/lock-state.ts'
import { ownIdentity } from '../../src/support/file-lock/process-identity.ts'
import { withFileLock } from '../../src/support/file-lock/with-file-lock.ts'
import { replacePrivateFile } from '../../src/support/private-file.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { refreshToken } from '../../src/vault/processors/refresh-token.ts'
import { Secret } from '../../src/vault/secret.ts'
import { openFileStore } from '../../src/vault/stores/file/file-store.ts'
import { type FileKey, type FileVault, openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { openRecord, sealRecord } from '../../src/vault/stores/file/format.ts'
import { createKeyFile, deriveKeys, newDerivation } from '../../src/vault/stores/file/key.ts'
import { bundleProgram } from '../support/bundle-program.ts'
import { invalidArgument, permission, serve, vaultError } from './support.ts'

const settings = { scryptCost: 16_384, create: false, lockTimeoutMs: 5_000, readTimeoutMs: 5_000 }
const quick = { renewMs: 20, leaseMs: 200, pollMs: 5 }

let folder: string
let path: string
let keyFile: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-file-'))
  path = join(folder, 'credentials')
  keyFile = join(folder, 'key')
  await createKeyFile(keyFile)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (extra: object = {}): Promise<FileVault> =>
  openFileVault({ path, key: { keyFile }, create: true, ...extra })
const lease = async (vault: FileVault, name: string): Promise<string> =>
  (await vault.lease(name, { authorization: permission() })).secret.reveal()
const integrity = vaultError('ERR_VAULT_INTEGRITY')
const configuration = vaultError('ERR_VAULT_CONFIGURATION')

describe('openFileVault', () => {
  it('refuses a malformed key without showing it [attack 65, 77]', async () => {
    await open()
    const text = 'canary-of-thirty-two-characters!'
    for (const create of [true, false]) {
      for (const key of [text, { bytes: text }, { passphrase: { text } }, { phrase: text }, null, undefined]) {
        const place = create ? join(folder, 'other') : path
        const error: unknown = await openFileVault({ path: place, key: key as never, create }).catch((e: unknown) => e)
        expect(error).toMatchObject(invalidArgument)
        expect(String(error)).not.toContain('canary')
      }
    }
  })

  it('keeps credentials with their rules, and lists them without their secrets', async () => {
    const server = await serve((received, response) => void response.end(received.headers.authorization))
    const vault = await open()
    await vault.put('api', {
      secret: 'canary-77',
      origins: [server.origin],
      processor: bearer(),
      pathPrefix: '/v1',
    })
    await vault.put('db', { secret: { username: 'u', password: 'canary-77' }, leasable: true })
    const again = await openFileVault({ path, key: { keyFile } })
    const response = await again.use({ reference: 'api', authorization: permission(), url: `${server.origin}/v1/x` })
    expect(await response.text()).toBe('Bearer [redacted]')
    expect(server.received[0]?.headers.authorization).toBe('Bearer canary-77')
    await server.close()
    const refused = again.use({ reference: 'api', authorization: permission(), url: `${server.origin}/v2` })
    await expect(refused).rejects.toMatchObject(vaultError('ERR_VAULT_ORIGIN_REFUSED'))
    await expect(lease(again, 'api')).rejects.toMatchObject(configuration)
    const listed = await again.list()
    expect(listed).toMatchObject([
      {
        name: 'api',
        version: '1',
        present: true,
        rules: { origins: [server.origin], pathPrefix: '/v1', leasable: false },
      },
      { name: 'db', version: '2', present: true, rules: { leasable: true } },
    ])
    expect(JSON.stringify(listed)).not.toContain('canary-77')
    expect(readFileSync(path, 'utf8')).not.toMatch(/canary|Y2FuYXJ5/)
  })

  it('keeps versions of a secret: rotates, restores, drops the oldest, removes', async () => {
    const vault = await open({ keepVersions: 3 })
    expect(await vault.put('db', { secret: 'one', commands: ['/db'], leasable: true })).toBe('1')
    expect(await vault.rotate('db', 'two')).toBe('2')
    expect(await vault.rotate('db', 'three')).toBe('3')
    expect(await vault.restore('db', '1')).toBe('4')
    expect((await vault.list()).map(({ version, present }) => [version, present])).toEqual([
      ['2', false],
      ['3', false],
      ['4', true],
    ])
    expect((await vault.lease('db', { authorization: permission({ path: '/db' }) })).secret.reveal()).toBe('one')
    await expect(vault.restore('db', '1')).rejects.toMatchObject(vaultError('ERR_VAULT_UNKNOWN_REFERENCE'))
    await expect(vault.rotate('other', 'x')).rejects.toMatchObject(vaultError('ERR_VAULT_UNKNOWN_REFERENCE'))
    expect([await vault.remove('db'), await vault.remove('db')]).toEqual([true, false])
    await expect(vault.lease('db', { authorization: permission({ path: '/db' }) })).rejects.toMatchObject(
      vaultError('ERR_VAULT_UNKNOWN_REFERENCE'),
    )
    expect(await vault.put('db', { secret: 'new', leasable: true })).toBe('6')
  })

  it('opens with a passphrase, a key file or bytes, and with no other key', async () => {
    const keys: readonly FileKey[] = [
      { passphrase: 'correct horse battery' },
      { passphrase: new Secret('another passphrase') },
      { keyFile },
      { bytes: new Uint8Array(32).fill(7) },
    ]
    const options = { create: true, scryptCost: 16_384 }
    for (const [index, key] of keys.entries()) {
      const file = join(folder, `v${index}`)
      const vault = await openFileVault({ path: file, key, ...options })
      await vault.put('a', { secret: `s${index}`, leasable: true })
      expect(await lease(await openFileVault({ path: file, key }), 'a')).toBe(`s${index}`)
      for (const other of [
        ...keys.filter((one) => one !== key),
        { bytes: new Uint8Array(32) },
        { passphrase: 'wrong passphrase' },
      ]) {
        await expect(openFileVault({ path: file, key: other })).rejects.toMatchObject({
          code: expect.stringMatching(/INTEGRITY|CONFIGURATION/),
        })
      }
    }
  })

  it('VLT-21 has a MAC that another program can make: scrypt from a passphrase, HKDF from it or from 32 bytes', async () => {
    const bytes = new Uint8Array(32).fill(7)
    const passphrase = 'correct horse battery'
    for (const [name, key, cost] of [
      ['bytes', { bytes }, 0],
      ['passphrase', { passphrase }, 131_072],
    ] as const) {
      const file = join(folder, name)
      const vault = await openFileVault({ path: file, key, create: true })
      await vault.put('a', { secret: 'one', leasable: true })
      const [body = '', mac = ''] = readFileSync(file, 'utf8').split('\n')
      const { key: described } = JSON.parse(body) as { readonly key: { readonly salt: string; readonly cost: number } }
      const salt = Buffer.from(described.salt, 'base64url')
      const master =
        cost === 0 ? bytes : scryptSync(passphrase, salt, 32, { N: cost, r: 8, p: 1, maxmem: 256 * 1024 * 1024 })
      const macKey = Buffer.from(hkdfSync('sha256', master, salt, 'procura-vault@1 whole', 32))
      expect([described.cost, mac]).toEqual([cost, createHmac('sha256', macKey).update(body).digest('base64url')])
    }
  })

  it('keeps its format: files of an earlier version open, and can be changed', async () => {
    const underBytes =
      '{"format":"procura-vault@1","key":{"kind":"hkdf","salt":"ilIfC0GwpiZUvuvEc6dOFrtur9tcTGmYKybTSyTnABE' +
      '","cost":0},"revision":2,"records":[{"name":"api","version":1,"created":1795840938,"rules":"{\\"comm' +
      'ands\\":[\\"/crm\\"],\\"leasable\\":true}","box":"TmVOm2qku3AXYHkh3jJwSGBt4L-c4pCHyR7_rIpCyQ"},{"nam' +
      'e":"api","version":2,"created":1795840938,"rules":"{\\"commands\\":[\\"/crm\\"],\\"leasable\\":true}' +
      '","box":"0O0Guw3oVGuBDd4uo7PpHrUoUwzL8Oe3cG9IR5Li-g"}]}' +
      '\ngW8eX8AFYHmToPptdRBieblxPmpXN6XE0am37buqdho\n'
    const underPassphrase =
      '{"format":"procura-vault@1","key":{"kind":"scrypt","salt":"crG9_86eUjSgasl6ZM_LiP8OWxXh6WmCBMfZOgwSY' +
      '0w","cost":16384},"revision":2,"records":[{"name":"api","version":1,"created":1795840939,"rules":"{\\"' +
      'commands\\":[\\"/crm\\"],\\"leasable\\":true}","box":"wbh1mOoHUVJgstSZv7hL__31odp4BM0VgcSRGCXswg"},{' +
      '"name":"api","version":2,"created":1795840939,"rules":"{\\"commands\\":[\\"/crm\\"],\\"leasable\\":t' +
      'rue}","box":"H3ah_LfExM19nTGupNpEcVjaKyKgzwntGDs0nD_JEQ"}]}' +
      '\nm_a_RASprQepG-IvxlR_aCAKPz2AVf7La6S_03S4RCA\n'
    for (const [text, key] of [
      [underBytes, { bytes: new Uint8Array(32).fill(7) }],
      [underPassphrase, { passphrase: 'correct horse battery' }],
    ] as const) {
      writeFileSync(path, text, { mode: 0o600 })
      const vault = await openFileVault({ path, key })
      expect(await lease(vault, 'api')).toBe('two')
      expect(await vault.restore('api', '1')).toBe('3')
      expect(await lease(await openFileVault({ path, key }), 'api')).toBe('one')
    }
  })

  it('opens with a Secret that has the bytes of its passphrase, and with no other Secret', async () => {
    const file = join(folder, 'secret')
    const key = { passphrase: new Secret('correct horse battery') }
    await openFileVault({ path: file, key, create: true, scryptCost: 16_384 })
    await openFileVault({ path: file, key: { passphrase: 'correct horse battery' } })
    for (const passphrase of [new Secret('another passphrase'), 'another passphrase', '[redacted]'])
      await expect(openFileVault({ path: file, key: { passphrase } })).rejects.toMatchObject(integrity)
  })

  it('names the kind of key that it needs, and refuses a key file without a path or with other bytes than 32', async () => {
    await open()
    const passphrase = 'correct horse battery'
    const asked = (key: FileKey, file = path): Promise<unknown> => openFileVault({ path: file, key, create: true })
    await expect(asked({ passphrase })).rejects.toThrow('needs another kind of key; pass `keyFile` or `bytes`')
    const stretched = join(folder, 'stretched')
    await openFileVault({ path: stretched, key: { passphrase }, create: true, scryptCost: 16_384 })
    await expect(asked({ keyFile }, stretched)).rejects.toThrow('needs another kind of key; pass `passphrase`')
    await expect(asked({ keyFile: '' })).rejects.toMatchObject(invalidArgument)
    for (const length of [0, 31, 33, 64]) {
      const other = join(folder, `key${length}`)
      writeFileSync(other, new Uint8Array(length), { mode: 0o600 })
      const error = configuration
      await expect(asked({ keyFile: other }), `${length} bytes`).rejects.toMatchObject(error)
      await expect(asked({ keyFile: other }, join(folder, `new${length}`))).rejects.toMatchObject(error)
    }
  })

  it('names a version that a credential does not have', async () => {
    const vault = await open()
    await expect(vault.rotate('a', 'one')).rejects.toThrow(
      /^the credential file has no credential `a`; `list` returns all$/,
    )
    await vault.put('a', { secret: 'one', leasable: true })
    await expect(vault.restore('a', '9')).rejects.toThrow(
      /^the credential file has no version `9` of credential `a`; `list` returns all$/,
    )
  })

  it('requires exactly one key, and lists its forms', async () => {
    for (const key of [keyFile, {}, { keyFile, passphrase: 'correct horse battery' }, { bytes: 'x'.repeat(32) }]) {
      await expect(openFileVault({ path, key: key as never, create: true })).rejects.toMatchObject({
        ...invalidArgument,
        message: expect.stringMatching(
          /`key` must be one of `{ passphrase }`, `{ keyFile }` with its path, or `{ bytes }`/,
        ),
      })
    }
  })

  it('changes its key; other processes must then open it again', async () => {
    const vault = await open({ scryptCost: 16_384 })
    await vault.put('a', { secret: 'one', leasable: true })
    const other = await open()
    await vault.changeKey({ passphrase: 'correct horse battery' })
    expect(await lease(vault, 'a')).toBe('one')
    await vault.rotate('a', 'two')
    await expect(lease(other, 'a')).rejects.toMatchObject(configuration)
    await expect(openFileVault({ path, key: { keyFile } })).rejects.toMatchObject(configuration)
    expect(await lease(await openFileVault({ path, key: { passphrase: 'correct horse battery' } }), 'a')).toBe('two')
  })

  it('reads the changes of another process at once', async () => {
    const [one, two] = [await open(), await open()]
    await one.put('a', { secret: 'first', leasable: true })
    expect(await lease(two, 'a')).toBe('first')
    await two.rotate('a', 'second')
    expect(await lease(one, 'a')).toBe('second')
  })

  it('refuses a call whose credential is removed or gets other rules just before its secret is read', async () => {
    const writer = await open()
    await writer.put('a', { secret: 'one', leasable: true })
    const before = readFileSync(path)
    const changes: readonly (readonly [() => Promise<unknown>, object])[] = [
      [() => writer.remove('a'), vaultError('ERR_VAULT_UNKNOWN_REFERENCE')],
      [
        () => writer.put('a', { secret: 'two', leasable: true, commands: ['/other'] }),
        { ...vaultError('ERR_VAULT_UNAVAILABLE'), message: expect.stringContaining('rules of the credential') },
      ],
    ]
    for (const [change, refusal] of changes) {
      await change()
      const after = readFileSync(path)
      writeFileSync(path, before)
      const reader = await openFileVault({ path, key: { keyFile } })
      // The vault checks the signal after it has found the rules, and before it reads the secret.
      const { signal } = new AbortController()
      Object.defineProperty(signal, 'throwIfAborted', { value: () => writeFileSync(path, after) })
      const leased = reader.lease('a', { authorization: permission(), signal })
      await expect(leased).rejects.toMatchObject(refusal)
      expect(readFileSync(path)).toEqual(after)
    }
  })

  it('VLT-17 stores rotated refresh tokens, one process at a time', async () => {
    let present = 1
    let stolen = false
    const server = await serve((received, response) => {
      if (received.url !== '/token') return void response.end()
      stolen ||= new URLSearchParams(received.body).get('refresh_token') !== `rt-${present}`
      present += 1
      response.end(
        JSON.stringify({ access_token: 'at', token_type: 'Bearer', expires_in: 900, refresh_token: `rt-${present}` }),
      )
    })
    const vaults = await Promise.all([open(), open(), open()])
    const processor = refreshToken({ tokenEndpoint: `${server.origin}/token`, clientId: 'c', authentication: 'none' })
    await vaults[0].put('api', {
      secret: { refreshToken: 'rt-1' },
      origins: [server.origin],
      processor,
    })
    const calls = vaults.map((vault) =>
      vault.use({ reference: 'api', authorization: permission(), url: server.origin }),
    )
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200, 200])
    await server.close()
    expect([stolen, present]).toEqual([false, 4])
    expect((await vaults[0].list()).at(-1)?.version).toBe('4')
  })
})

describe('a changed file', () => {
  interface Body {
    format: string
    revision: number
    key: { kind: string; salt: string; cost: number }
    records: { name: string; version: number; created: number; rules: string; box: string }[]
  }

  async function tamper(change: (body: Body) => void): Promise<unknown> {
    const [body = '', mac = ''] = readFileSync(path, 'utf8').split('\n')
    const parsed = JSON.parse(body) as Body
    change(parsed)
    writeFileSync(path, `${JSON.stringify(parsed)}\n${mac}\n`)
    return openFileVault({ path, key: { keyFile } })
  }

  const changes: readonly (readonly [string, (body: Body) => void])[] = [
    [
      'an origin',
      (body) => {
        body.records[0]!.rules = body.records[0]!.rules.replace('a.example', 'evil.example')
      },
    ],
    [
      'a processor',
      (body) => {
        body.records[0]!.rules = body.records[0]!.rules.replace('"bearer"', '"basic"')
      },
    ],
    [
      'a name',
      (body) => {
        body.records[0]!.name = 'other'
      },
    ],
    [
      'a version',
      (body) => {
        body.records[0]!.version = 9
      },
    ],
    [
      'a box',
      (body) => {
        const { box } = body.records[0]!
        body.records[0]!.box = `${box.startsWith('A') ? 'B' : 'A'}${box.slice(1)}`
      },
    ],
    [
      'two boxes swapped',
      (body) => {
        ;[body.records[0]!.box, body.records[1]!.box] = [body.records[1]!.box, body.records[0]!.box]
      },
    ],
    [
      'the order of versions',
      (body) => {
        body.records.reverse()
      },
    ],
    [
      'a record left out',
      (body) => {
        body.records.pop()
      },
    ],
    [
      'a record repeated',
      (body) => {
        body.records.push(body.records[0]!)
      },
    ],
    [
      'the revision',
      (body) => {
        body.revision = 99
      },
    ],
    [
      'the salt',
      (body) => {
        body.key.salt = 'A'.repeat(43)
      },
    ],
    [
      'no description of the key',
      (body) => {
        body.key = null as never
      },
    ],
    [
      'a cost that would take all memory',
      (body) => {
        body.key = { ...body.key, kind: 'scrypt', cost: 2 ** 30 }
      },
    ],
    [
      'the format',
      (body) => {
        body.format = 'procura-vault@2'
      },
    ],
  ]
  for (const [what, change] of changes) {
    it(`VLT-21 is refused: ${what}`, async () => {
      const vault = await open()
      await vault.put('a', { secret: 'one', origins: ['https://a.example'], processor: bearer() })
      await vault.rotate('a', 'two')
      await expect(tamper(change)).rejects.toMatchObject(integrity)
      await expect(lease(vault, 'a')).rejects.toMatchObject(integrity)
    })
  }

  it('VLT-21 is refused when it is truncated, empty, or in another format', async () => {
    await (await open()).put('a', { secret: 'one', leasable: true })
    const whole = readFileSync(path)
    for (const bytes of [
      whole.subarray(0, -1),
      whole.subarray(0, 40),
      Buffer.alloc(0),
      Buffer.from('{}\n\n'),
      Buffer.from([0xff, 0x0a]),
      Buffer.concat([whole, Buffer.from('x\n')]),
      Buffer.concat([whole, Buffer.from('\n')]),
      Buffer.concat([whole, Buffer.from('\nx\n')]),
    ]) {
      writeFileSync(path, bytes)
      await expect(openFileVault({ path, key: { keyFile } })).rejects.toMatchObject(integrity)
    }
  })

  it('VLT-20 has no box that opens under another name, version, time or rules', async () => {
    const key = { bytes: new Uint8Array(32).fill(1) }
    const keys = await deriveKeys(key, newDerivation(key, 0), 1_000)
    const record = sealRecord(keys, { name: 'a', version: 1, created: 5, rules: '{}' }, new Secret('one'))
    expect(openRecord(keys, record).reveal()).toBe('one')
    for (const other of [
      { name: 'b' },
      { version: 2 },
      { created: 6 },
      { rules: '{"x":1}' },
      { box: record.box.subarray(0, 20) },
      { box: new Uint8Array(60) },
    ]) {
      expect(() => openRecord(keys, { ...record, ...other })).toThrow(expect.objectContaining(integrity))
    }
  })

  it('VLT-25 is not refused as an older version by readers during the change', async () => {
    const vault = await open()
    const other = await open()
    await vault.put('a', { secret: 'canary-0', leasable: true })
    const leases: Promise<string>[] = []
    for (let count = 1; count <= 30; count++) {
      const changed = (count % 2 === 0 ? vault : other).rotate('a', `canary-${count}`)
      for (let index = 0; index < 5; index++) {
        leases.push(lease(vault, 'a'), lease(other, 'a'))
        await new Promise((resolve) => setImmediate(resolve))
      }
      await changed
      expect(await lease(vault, 'a')).toBe(`canary-${count}`)
    }
    for (const secret of await Promise.all(leases)) expect(secret).toMatch(/^canary-\d+$/)
  })

  it('VLT-25 is refused when it is an older version', async () => {
    const vault = await open()
    await vault.put('a', { secret: 'leaked', leasable: true })
    const old = readFileSync(path)
    await vault.rotate('a', 'new')
    expect(await lease(vault, 'a')).toBe('new')
    writeFileSync(path, old)
    await expect(lease(vault, 'a')).rejects.toMatchObject(integrity)
  })
})

describe('access to the file', () => {
  it('VLT-22 is limited to its owner, like access to the key', async () => {
    const vault = await open()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await vault.put('a', { secret: 'one', leasable: true })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    for (const mode of [0o640, 0o604, 0o660, 0o601]) {
      chmodSync(path, mode)
      await expect(lease(vault, 'a')).rejects.toMatchObject({
        ...configuration,
        message: expect.stringContaining('chmod 600'),
      })
    }
    chmodSync(path, 0o600)
    chmodSync(keyFile, 0o644)
    await expect(openFileVault({ path, key: { keyFile } })).rejects.toThrow(/chmod 600/)
  })

  it('VLT-44 times out when a read takes too long', async () => {
    const vault = await open()
    // The thread pool of this process is busy meanwhile, as with a file server that does not respond.
    const busy = Array.from({ length: 8 }, () => promisify(pbkdf2)('x', 'y', 50_000, 32, 'sha512'))
    const slow = expect.objectContaining({
      ...vaultError('ERR_VAULT_UNAVAILABLE'),
      message: expect.stringMatching(/ could not be read within 20 ms$/),
    })
    await expect(open({ readTimeoutMs: 20 })).rejects.toEqual(slow)
    await Promise.all(busy)
    expect(await vault.list()).toEqual([])
  })

  it('VLT-22 is refused to folders and pipes, and to a missing file', async () => {
    await open()
    mkdirSync(join(folder, 'folder'))
    execFileSync('mkfifo', ['-m', '600', join(folder, 'pipe')])
    for (const name of ['folder', 'pipe', 'missing']) {
      await expect(openFileVault({ path: join(folder, name), key: { keyFile } })).rejects.toMatchObject(configuration)
    }
    // Not every path that cannot be opened is a link.
    const below = { keyFile: join(path, 'below') }
    await expect(openFileVault({ path, key: below })).rejects.toThrow(/^the key file \(`keyFile`\) cannot be read/)
    await expect(openFileVault({ path, key: { keyFile: join(folder, 'missing') } })).rejects.toThrow(/createKeyFile/)
    await expect(createKeyFile(keyFile)).rejects.toMatchObject(configuration)
    expect(readFileSync(keyFile).length).toBe(32)
  })

  it('is refused with invalid options', async () => {
    for (const extra of [
      { keepVersions: 0 },
      { key: { bytes: new Uint8Array(31) } },
      { key: { passphrase: 'short' } },
      { key: { passphrase: 'long enough' }, scryptCost: 1024 },
      { key: { passphrase: 'long enough' }, scryptCost: 20_000 },
    ]) {
      await expect(open({ path: join(folder, 'new'), ...extra })).rejects.toMatchObject(invalidArgument)
    }
  })
})

describe('a writer', () => {
  const source = fileURLToPath(new URL('file-child.ts', import.meta.url))

  it('VLT-23 keeps the old file when the new one does not fit', async () => {
    const vault = await open()
    await vault.put('a', { secret: 'one', leasable: true })
    const child = await bundleProgram(source, join(folder, 'child.mjs'))
    const command = `ulimit -f 64; exec "$0" "$@"`
    const said = execFileSync('bash', ['-c', command, process.execPath, child, path, keyFile, 'b'], {
      encoding: 'utf8',
    })
    expect(said).toContain('could not be written (EFBIG)')
    expect(await lease(vault, 'a')).toBe('one')
    expect(readdirSync(folder).sort()).toEqual(['child.mjs', 'credentials', 'credentials.lock', 'key'])
    expect(readdirSync(`${path}.lock`)).toEqual([expect.stringMatching(/-free$/)])
  })

  it('VLT-24 takes the lock of an ended process at once, and names the holder of a held lock', async () => {
    const lock = createFileLock(join(folder, 'lock'))
    const ended = { ...ownIdentity(), started: '1' }
    mkdirSync(join(folder, 'lock'), { mode: 0o700 })
    writeFileSync(join(folder, 'lock', heldName(1, 'a'.repeat(24), ended)), '')
    const one = createFileLock(join(folder, 'lock'))
    expect(await withFileLock(lock, 'lock', 1_000, async () => 'done')).toBe('done')
    const inside = withFileLock(lock, 'lock', 1_000, () => withFileLock(one, 'lock', 30, async () => 'done'))
    await expect(inside).rejects.toMatchObject({
      ...vaultError('ERR_VAULT_UNAVAILABLE'),
      message: expect.stringMatching(/^process \d+ on `[^`]+` held the lock `lock` for 30 ms; /),
    })
    const free = await withFileLock(lock, 'lock', 100, () => Promise.reject(new Error('no'))).catch((e: Error) => e)
    expect(free).toMatchObject({ message: 'no' })
    expect(readdirSync(join(folder, 'lock'))).toEqual([expect.stringMatching(/-free$/)])
  })

  it('VLT-24 waits at most a lease for a writer that was killed in another container', async () => {
    const store = await openFileStore({ ...settings, path, key: { keyFile }, create: true }, quick)
    const away = { scope: 'f'.repeat(16), process: 1, started: '7' }
    rmSync(`${path}.lock`, { recursive: true })
    mkdirSync(`${path}.lock`, { mode: 0o700 })
    writeFileSync(join(`${path}.lock`, heldName(1, 'a'.repeat(24), away)), '')
    await store.change(({ contents }) => contents.records)
    expect(store.last().revision).toBe(1)
  })

  it('VLT-42 changes nothing after a suspension during which another process wrote', async () => {
    const other = await openFileStore({ ...settings, path, key: { keyFile }, create: true }, quick)
    const lock = createFileLock(`${path}.lock`, { ...quick, renewMs: 1e6 })
    const before = readFileSync(path)
    const stale = withFileLock(lock, 'lock', 1_000, async (held) => {
      await other.change(({ contents }) => contents.records)
      await replacePrivateFile(path, before, held)
    })
    await expect(stale).rejects.toMatchObject({
      ...vaultError('ERR_VAULT_UNAVAILABLE'),
      message: expect.stringContaining('another one took the lock'),
    })
    expect((await other.read()).contents.revision).toBe(1)
    expect(readdirSync(`${path}.lock`)).toEqual([expect.stringMatching(/-free$/)])
  })

  it('VLT-43 leaves no drafts after it was killed, once the key is changed or the file is opened', async () => {
    const vault = await open()
    await vault.put('a', { secret: 'one', leasable: true })
    const left = async (task: () => Promise<unknown>): Promise<readonly string[]> => {
      const ended = heldName(999, 'a'.repeat(24), { ...ownIdentity(), started: '1' })
      const [state = ''] = readdirSync(`${path}.lock`)
      renameSync(join(`${path}.lock`, state), join(`${path}.lock`, ended))
      writeFileSync(join(`${path}.lock`, '999-00.draft'), readFileSync(path))
      await task()
      return readdirSync(`${path}.lock`).filter((name) => name.endsWith('.draft'))
    }
    expect(await left(() => vault.changeKey({ bytes: new Uint8Array(32).fill(1) }))).toEqual([])
    expect(await left(() => openFileVault({ path, key: { bytes: new Uint8Array(32).fill(1) } }))).toEqual([])
    expect(readdirSync(folder).sort()).toEqual(['credentials', 'credentials.lock', 'key'])
  })
})

describe('the secret that is stored', () => {
  it('is the one that was passed, even if its bytes are overwritten while the file is locked', async () => {
    const vault = await open({ create: true })
    const bytes = new TextEncoder().encode('canary-1')
    const put = vault.put('a', { secret: bytes, leasable: true })
    bytes.fill(0)
    await put
    expect(await lease(vault, 'a')).toBe('canary-1')
    const next = new Secret('canary-2')
    const rotated = vault.rotate('a', next)
    next.dispose()
    await rotated
    expect(await lease(vault, 'a')).toBe('canary-2')
  })
})
