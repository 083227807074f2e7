import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parseDid } from '../../src/core/did/did.ts'
import { ArgumentError, SigningError } from '../../src/errors.ts'
import {
  openPkcs11Signer,
  type Pkcs11Signer,
  type Pkcs11SignerOptions,
} from '../../src/signers/pkcs11/open-pkcs11-signer.ts'
import { Secret } from '../../src/vault/secret.ts'
import { bundleThreadScript, type ThreadScript } from './thread-script.ts'

const message = new TextEncoder().encode('what is signed')
const pin = 'canary-pin-1234'
const keys = {
  ed25519: generateKeyPairSync('ed25519'),
  p256: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
}
/** The key of a token that takes the place of the first one. */
const replacement = generateKeyPairSync('ed25519')
const folder = mkdtempSync(join(tmpdir(), 'procura-pkcs11-'))
const released = join(folder, 'released')
/** A statement of the module that waits for this file, so that no test depends on the speed of the machine. */
const untilReleased = `while (!existsSync(${JSON.stringify(released)})) block(20)`
let script: ThreadScript
const opened: Pkcs11Signer[] = []

beforeAll(async () => {
  script = await bundleThreadScript()
})

afterEach(() => rmSync(released, { force: true }))

afterAll(async () => {
  for (const one of opened) await one.close()
  script.remove()
  rmSync(folder, { recursive: true })
})

/** How the fake differs from a token in order. */
interface Token {
  readonly kind?: 'ed25519' | 'p256'
  readonly params?: string
  /** The bytes before the point, in hexadecimal. */
  readonly header?: string
  readonly tokens?: readonly string[]
  readonly privateKeys?: number
  readonly publicKeys?: number
  readonly alwaysAuthenticate?: boolean
  /** Statements at the beginning of `C_Sign`. They see `calls`, `fail(code, name)` and `block(ms)`. */
  readonly onSign?: string
  /** The same for `C_Login`, which also sees `user`: 2 for the PIN of one signature. */
  readonly onLogin?: string
  /** The same for `C_GetSlotList`. */
  readonly onSlots?: string
  /** The same for `C_OpenSession`, which can call `swap()`: the token then has another key of Ed25519. */
  readonly onOpen?: string
}

/** The address of a package as `pkcs11js` is one, with a token in memory. */
function library(token: Token): string {
  const { kind = 'ed25519', tokens = ['procura'], privateKeys = 1, publicKeys = 1 } = token
  const { publicKey, privateKey } = keys[kind]
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const point = kind === 'ed25519' ? [x] : ['BA', x, y]
  const bytes = Buffer.concat(point.map((text) => Buffer.from(text, 'base64url')))
  const header = token.header ?? (kind === 'ed25519' ? '0420' : '0441')
  const params = token.params ?? (kind === 'ed25519' ? '130c656477617264733235353139' : '06082a8648ce3d030107')
  const program = `
    import { createPrivateKey, sign } from 'node:crypto'
    import { existsSync } from 'node:fs'
    let key = createPrivateKey({ format: 'jwk', key: ${JSON.stringify(privateKey.export({ format: 'jwk' }))} })
    let other = createPrivateKey({ format: 'jwk', key: ${JSON.stringify(replacement.privateKey.export({ format: 'jwk' }))} })
    let point = '${bytes.toString('hex')}'
    let otherPoint = '${Buffer.from(replacement.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('hex')}'
    const swap = () => { [key, other, point, otherPoint] = [other, key, otherPoint, point] }
    let isActive = false
    const calls = { sign: 0, login: 0, open: 0, slots: 0 }
    const fail = (code, message) => { throw Object.assign(new Error(message), { code }) }
    const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
    let isOpen = false, wanted
    class PKCS11 {
      load(path) { if (path !== '/module.so') throw new Error('canary: ' + path) }
      C_Initialize() { if (calls.login > 0) fail(0x191, 'CKR_CRYPTOKI_ALREADY_INITIALIZED') }
      C_GetSlotList() {
        calls.slots += 1
        ${token.onSlots ?? ''}
        return ${JSON.stringify([...tokens.keys()])}
      }
      C_GetTokenInfo(slot) { return { label: ${JSON.stringify(tokens)}[slot].padEnd(32) } }
      C_OpenSession(slot, flags) {
        calls.open += 1
        ${token.onOpen ?? ''}
        if (flags !== 4) fail(0xb4, 'x')
        isOpen = true
        return 'session'
      }
      C_CloseSession() { isOpen = isActive = false }
      C_Login(session, user, pin) {
        calls.login += 1
        ${token.onLogin ?? ''}
        if (pin !== '${pin}') fail(0xa0, 'CKR_PIN_INCORRECT')
      }
      C_FindObjectsInit(session, template) { wanted = template }
      C_FindObjects() {
        const isPrivate = wanted[0].value === 3
        const name = wanted[1]
        if (name.type === 3 ? name.value !== 'owner' : name.value.toString('hex') !== '01') return []
        return Array(isPrivate ? ${privateKeys} : ${publicKeys}).fill(isPrivate ? 'private' : 'public')
      }
      C_FindObjectsFinal() {}
      C_GetAttributeValue(session, object, [{ type }]) {
        const hex = type === 0x102 ? '01' : type === 0x202 ? '0${token.alwaysAuthenticate ? 1 : 0}'
          : object === 'private' ? fail(0x12, 'CKR_ATTRIBUTE_TYPE_INVALID')
          : type === 0x180 ? '${params}' : '${header}' + point
        return [{ value: Buffer.from(hex, 'hex') }]
      }
      C_SignInit(session, { mechanism, parameter }, key) {
        if (!isOpen) fail(0xb3, 'CKR_SESSION_HANDLE_INVALID')
        if (isActive) fail(0x90, 'CKR_OPERATION_ACTIVE')
        if (mechanism !== ${kind === 'ed25519' ? 0x1057 : 0x1041} || key !== 'private') fail(0x70, 'CKR_MECHANISM_INVALID')
        isActive = true
      }
      C_Sign(session, data, output) {
        calls.sign += 1
        isActive = false
        ${token.onSign ?? ''}
        const raw = ${kind === 'ed25519' ? 'sign(null, data, key)' : 'signDigest(data)'}
        raw.copy(output)
        return output.subarray(0, 64)
      }
    }
    ${kind === 'ed25519' ? '' : signDigest(privateKey)}
    export default { PKCS11 }`
  return `data:text/javascript,${encodeURIComponent(program)}`
}

/** The equation of ECDSA with a fixed k, because Node signs no digests. */
function signDigest(privateKey: KeyObject): string {
  const once = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const hex = (text = ''): string => `0x${Buffer.from(text, 'base64url').toString('hex')}n`
  return `
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const inverse = (a, b = n, x = 1n, y = 0n) => a > 1n ? inverse(b, a % b, y, x - (a / b) * y) : ((x % n) + n) % n
    const r = ${hex(once.publicKey.export({ format: 'jwk' }).x)} % n
    function signDigest(digest) {
      if (digest.length !== 32) fail(0x21, 'CKR_DATA_LEN_RANGE')
      const z = BigInt('0x' + digest.toString('hex'))
      const k = ${hex(once.privateKey.export({ format: 'jwk' }).d)}
      const s = inverse(k) * ((z + r * ${hex(privateKey.export({ format: 'jwk' }).d)}) % n) % n
      return Buffer.from([r, s].map((v) => v.toString(16).padStart(64, '0')).join(''), 'hex')
    }`
}

async function open(token: Token, options: Partial<Pkcs11SignerOptions> = {}): Promise<Pkcs11Signer> {
  const signer = await openPkcs11Signer({
    ...{ pkcs11js: library(token), module: '/module.so', token: 'procura', pin: () => pin },
    // A test that names a key by its id has no label.
    ...('id' in options ? {} : { label: 'owner' }),
    script: script.url,
    ...options,
  })
  opened.push(signer)
  return signer
}

async function failure(work: Promise<unknown> | Uint8Array): Promise<Error> {
  return Promise.resolve(work).then(
    () => new Error('it did not fail'),
    (error: Error) => error,
  )
}

describe('a key in a token of PKCS#11', () => {
  it.each<readonly [kind: string, token: Token, algorithm: string]>([
    ['Ed25519 by its name', {}, 'Ed25519'],
    ['Ed25519 by its identifier', { params: '06032b6570' }, 'Ed25519'],
    ['Ed25519 as a bit string', { header: '032100' }, 'Ed25519'],
    ['Ed25519 without a header', { header: '' }, 'Ed25519'],
    ['P-256', { kind: 'p256' }, 'ES256'],
    ['P-256 without a header', { kind: 'p256', header: '' }, 'ES256'],
  ])('signs with %s', async (_kind, token, algorithm) => {
    const { signer } = await open(token)
    expect(signer.algorithm).toBe(algorithm)
    for (const length of [0, 1, 10_000]) expect(await signer.sign(new Uint8Array(length))).toHaveLength(64)
  })

  it('is found by its id, and signs for a DID', async () => {
    const did = parseDid('did:web:example.com')
    const { signer } = await open({}, { id: Uint8Array.of(1), did })
    expect(signer.did).toBe(did)
    const byId = await openPkcs11Signer({
      ...{ pkcs11js: library({}), module: '/module.so', token: 'procura', id: Uint8Array.of(1), pin: () => pin },
      script: script.url,
    })
    opened.push(byId)
    expect(byId.signer.did).toMatch(/^did:key:/)
  })

  it('needs its public key or its did:key', async () => {
    const { signer } = await open({})
    const error = await failure(open({ publicKeys: 0 }))
    expect(error.message).toBe(
      'the token does not have the public key; store it there, or pass the did:key of the key as `did`',
    )
    const named = await open({ publicKeys: 0 }, { did: signer.did })
    expect(await named.signer.sign(message)).toHaveLength(64)
    const other = await open({ publicKeys: 0, kind: 'p256' }, { did: signer.did })
    await expect(other.signer.sign(message)).rejects.toThrow('CKR_MECHANISM_INVALID')
  })

  it.each<readonly [fault: string, token: Token, options: Partial<Pkcs11SignerOptions>, text: string]>([
    [
      'the package is missing',
      {},
      { pkcs11js: 'file:///nowhere/pkcs11js/index.js' },
      'must be the URL of the package pkcs11js',
    ],
    [
      'the package is another one',
      {},
      { pkcs11js: 'data:text/javascript,export default 1' },
      'must be the URL of the package',
    ],
    ['the module is missing', {}, { module: '/nowhere.so' }, 'could not be loaded; check the path in `module`'],
    ['the token is missing', { tokens: [] }, {}, 'there is no token with the label'],
    ['the token has another label', { tokens: ['procura2'] }, {}, 'there is no token with the label'],
    ['several tokens match', { tokens: ['procura', 'procura'] }, {}, 'several tokens have the label'],
    ['the key is missing', {}, { label: 'other' }, 'the token does not have the private key'],
    ['several keys match', { privateKeys: 2 }, {}, 'several private keys of the token match'],
    ['the curve is another one', { params: '06052b81040022' }, {}, 'of another curve'],
    ['the point is malformed', { header: '0421' }, {}, 'the key is invalid'],
    ['the PIN is wrong', {}, { pin: () => 'canary-other' }, 'the token refused the PIN (CKR_PIN_INCORRECT)'],
    ['the PIN is locked', { onLogin: "fail(0xa4, 'CKR_PIN_LOCKED')" }, {}, 'refused the PIN (CKR_PIN_LOCKED)'],
    ['the callback fails', {}, { pin: () => Promise.reject(new Error('canary')) }, 'the callback `pin` failed'],
    ['the module shows a PIN', { onLogin: 'fail(5, "canary " + pin)' }, {}, 'failed (result 0x5)'],
    ['the module throws text', { onLogin: 'throw "canary"' }, {}, 'failed (unknown error)'],
  ])('SIG-22 is refused without a secret when %s', async (_fault, token, options, text) => {
    const error = await failure(open(token, options))
    expect(error).toBeInstanceOf(SigningError)
    expect(error.message).toContain(text)
    for (let at: unknown = error; at instanceof Error; at = at.cause)
      expect(`${at.message} ${JSON.stringify(at)}`).not.toContain('canary')
  })

  it('opens a lost session again, once, with the PIN from the callback', async () => {
    let asked = 0
    const pinOf = (): Secret => {
      asked += 1
      return new Secret(pin)
    }
    const lost = await open({ onSign: "if (calls.sign === 2) fail(0x32, 'CKR_DEVICE_REMOVED')" }, { pin: pinOf })
    for (let i = 0; i < 3; i++) expect(await lost.signer.sign(message)).toHaveLength(64)
    expect(asked).toBe(2)
    const gone = await open({ onSign: "fail(0x32, 'CKR_DEVICE_REMOVED')" }, { pin: pinOf })
    await expect(gone.signer.sign(message)).rejects.toThrow('failed (CKR_DEVICE_REMOVED)')
    expect(asked).toBe(4)
  })

  it('SIG-22 sends no PIN after one was refused', async () => {
    const answers = [pin, 'canary-other', pin]
    let asked = 0
    const onSign = "fail(0x101, 'CKR_USER_NOT_LOGGED_IN')"
    const { signer } = await open({ onSign }, { pin: () => answers[asked++] ?? '' })
    await expect(signer.sign(message)).rejects.toThrow('the token refused the PIN (CKR_PIN_INCORRECT)')
    await expect(signer.sign(message)).rejects.toThrow('the token refused the PIN before, and may lock itself')
    expect(asked).toBe(2)
  })

  it('SIG-22 sends no PIN after one was refused behind the time limit', async () => {
    const onSign = "fail(0x101, 'CKR_USER_NOT_LOGGED_IN')"
    const onLogin = `if (calls.login === 2) { ${untilReleased}; fail(0xa0, 'CKR_PIN_INCORRECT') } if (calls.login > 2) fail(5, 'x')`
    const { signer } = await open({ onSign, onLogin }, { timeoutMs: 4_000 })
    await expect(signer.sign(message)).rejects.toThrow('did not return within 4000 ms')
    writeFileSync(released, '')
    const later = async (): Promise<string> => (await failure(signer.sign(message))).message
    await expect.poll(later, { timeout: 10_000 }).not.toMatch('has not returned')
    expect(await later()).toMatch('the token refused the PIN before')
  })

  it('asks for the PIN for each signature of a key that requires it', async () => {
    let asked = 0
    const pinOf = (): string => {
      asked += 1
      return pin
    }
    const { signer } = await open({ alwaysAuthenticate: true }, { pin: pinOf })
    for (let i = 0; i < 3; i++) expect(await signer.sign(message)).toHaveLength(64)
    expect(asked).toBe(4)
  })

  it('signs again after a signature that ended half-way', async () => {
    // Such as a person who cancels at the keypad of the reader, after the operation has begun.
    const onLogin = "if (user === 2 && calls.login === 2) fail(0x50, 'CKR_FUNCTION_CANCELED')"
    const { signer } = await open({ alwaysAuthenticate: true, onLogin })
    await expect(signer.sign(message)).rejects.toThrow('failed (CKR_FUNCTION_CANCELED)')
    expect(await signer.sign(message)).toHaveLength(64)
    expect(await signer.sign(message)).toHaveLength(64)
  })

  it('fails while the token is out, and signs when it is back', async () => {
    const onSign = "if (calls.sign === 2) fail(0x32, 'CKR_DEVICE_REMOVED')"
    const { signer } = await open({ onSign, onSlots: 'if (calls.slots === 2 || calls.slots === 3) return []' })
    expect(await signer.sign(message)).toHaveLength(64)
    for (let i = 0; i < 2; i++) await expect(signer.sign(message)).rejects.toThrow('there is no token with the label')
    expect(await signer.sign(message)).toHaveLength(64)
  })

  it('SIG-20 signs nothing with another token that has the same labels', async () => {
    const onSign = "if (calls.sign === 2) fail(0x32, 'CKR_DEVICE_REMOVED'); if (calls.open === 2) fail(7, 'CKR_SIGNED')"
    const { signer } = await open({ onSign, onOpen: 'if (calls.open > 1) swap()' })
    await signer.sign(message)
    const error = await failure(signer.sign(message))
    expect(error).toBeInstanceOf(SigningError)
    expect(error.message).toBe('the token has another key of this label or id now; make a new signer')
    // The third session is with the first token again.
    expect(await signer.sign(message)).toHaveLength(64)
    const silent = await open({ onOpen: 'swap()', publicKeys: 0 }, { did: signer.did })
    await expect(silent.signer.sign(message)).rejects.toThrow('the signature is invalid')
  })

  it('does not stop the event loop while the module waits', async () => {
    const { signer } = await open({ onSign: 'block(1_000)' })
    let turns = 0
    const timer = setInterval(() => (turns += 1), 20)
    await signer.sign(message)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(10)
  })

  it('SIG-23 times out, and asks a module that hangs no more until it has returned', async () => {
    const { signer } = await open({ onSign: `if (calls.sign === 1) ${untilReleased}` }, { timeoutMs: 4_000 })
    await expect(signer.sign(message)).rejects.toThrow('the PKCS#11 module did not return within 4000 ms')
    await expect(signer.sign(message)).rejects.toThrow('has not returned from an earlier call')
    writeFileSync(released, '')
    await expect
      .poll(async () => (await failure(signer.sign(message))).message, { timeout: 10_000 })
      .toMatch('not fail')
  })

  it('SIG-20 returns no signature of another key', async () => {
    const { signer } = await open({ onSign: 'output.fill(1); return output.subarray(0, 64)' })
    await expect(signer.sign(message)).rejects.toThrow('the signature is invalid')
  })

  it('signs in order, stops waiting for an aborted call, and signs nothing when it is closed', async () => {
    const { signer, close } = await open({ onSign: 'block(20)' })
    const all = await Promise.all([1, 2, 3].map((byte) => signer.sign(Uint8Array.of(byte))))
    expect(new Set(all.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(3)
    await expect(signer.sign(message, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
    await close()
    await close()
    await expect(signer.sign(message)).rejects.toThrow('is closed; open a new one')
  })

  it('ends its thread when it is closed, and when it could not be opened', async () => {
    const exits: Promise<unknown>[] = []
    const started = (message: unknown): void => void exits.push(once(Object(message).worker, 'exit'))
    subscribe('worker_threads', started)
    try {
      const { close } = await open({})
      await close()
      await expect(open({}, { label: 'other' })).rejects.toThrow('does not have the private key')
    } finally {
      unsubscribe('worker_threads', started)
    }
    expect(exits).toHaveLength(2)
    await Promise.all(exits)
  })

  it('finds the key by its id and its label, in the options as they were given', async () => {
    const id = Uint8Array.of(1)
    const signing = open({ onSign: "if (calls.sign === 1) fail(0x32, 'CKR_DEVICE_REMOVED')" }, { id })
    id[0] = 2
    const { signer } = await signing
    expect(await signer.sign(message)).toHaveLength(64)
    await expect(open({}, { id })).rejects.toThrow('does not have the private key')
  })

  it('calls `pin` as a method of the options', async () => {
    const { signer } = await open(
      {},
      {
        pin(this: Pkcs11SignerOptions) {
          return this.token === 'procura' ? pin : ''
        },
      },
    )
    expect(await signer.sign(message)).toHaveLength(64)
  })

  it('is reported when its thread fails', async () => {
    const ended = await failure(open({}, { script: 'data:text/javascript,process.exit()' }))
    expect(ended.message).toBe('the thread of the PKCS#11 module ended; make a new signer')
    const error = await failure(open({}, { script: 'data:text/javascript,throw new Error()' }))
    expect(error.message).toBe('the thread of the PKCS#11 module ended; make a new signer')
    const unknown = await failure(open({}, { script: 'https://example.com/thread.js' }))
    expect(unknown.message).toBe('the thread of the PKCS#11 module could not be started; check `script`')
  })

  it.each([
    [{ label: undefined }, '`label` is undefined; pass a value, or leave it out'],
    [{ pkcs11js: 'pkcs11js' }, '`pkcs11js`'],
    [{ pin: '1234' }, '`pin`'],
    [{ did: 'canary' }, '`did`'],
  ])('is not opened with %o', async (change, text) => {
    const error = await failure(open({}, change as object))
    expect(error).toBeInstanceOf(ArgumentError)
    expect(error.message).toContain(text)
  })
})
