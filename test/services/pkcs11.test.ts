import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createAuthorizer, delegate, encodeContainer, generateSigner, invoke, uncheckedCommands } from 'procura'
import { openPkcs11Signer, type Pkcs11Signer } from 'procura/signer/pkcs11'
import { memoryStores } from 'procura/store/memory'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../setup/entries.ts'
import { service } from './softhsm.service.ts'

const module =
  [
    '/usr/lib/softhsm/libsofthsm2.so',
    '/usr/lib64/softhsm/libsofthsm2.so',
    '/usr/local/lib/softhsm/libsofthsm2.so',
  ].find(existsSync) ?? ''
const cache = join(process.env['PROCURA_MATRIX_CACHE'] ?? join(homedir(), '.cache', 'procura-matrix'), 'pkcs11')
const pkcs11js = String(pathToFileURL(join(cache, 'node_modules', 'pkcs11js', 'index.js')))
const pin = '123456'
const folder = mkdtempSync(join(tmpdir(), 'procura-softhsm-'))
const message = new TextEncoder().encode('what is signed')
const opened: Pkcs11Signer[] = []
let library: Library

/** As `pkcs11js` is, for an operator. */
interface Library {
  load(path: string): void
  C_Initialize(): void
  C_Finalize(): void
  C_GetSlotList(present: boolean): readonly unknown[]
  C_GetTokenInfo(slot: unknown): { readonly label: string; readonly flags: number }
  C_OpenSession(slot: unknown, flags: number): unknown
  C_CloseSession(session: unknown): void
  C_CloseAllSessions(slot: unknown): void
  C_Login(session: unknown, user: number, pin: string): void
  C_GenerateKeyPair(session: unknown, mechanism: object, publicKey: object[], privateKey: object[]): void
  C_FindObjectsInit(session: unknown, template: object[]): void
  C_FindObjects(session: unknown, max: number): readonly unknown[]
  C_FindObjectsFinal(session: unknown): void
  C_DestroyObject(session: unknown, object: unknown): void
}

beforeAll(async () => {
  await installLibrary()
  writeFileSync(join(folder, 'softhsm.conf'), `directories.tokendir = ${folder}\nobjectstore.backend = file\n`)
  process.env['SOFTHSM2_CONF'] = join(folder, 'softhsm.conf')
  for (const label of ['procura', 'other'])
    run(service.find() ?? '', ['--init-token', '--free', '--label', label, '--pin', pin, '--so-pin', '654321'])
  const { PKCS11 } = (await import(pkcs11js)).default as { readonly PKCS11: new () => Library }
  library = new PKCS11()
  library.load(module)
  library.C_Initialize()
  generate('ed', 0x1055, 0x40, '130c656477617264733235353139')
  generate('p256', 0x1040, 0x3, '06082a8648ce3d030107')
  generate('careful', 0x1040, 0x3, '06082a8648ce3d030107', [{ type: 0x202, value: true }])
})

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function open(
  label: string,
  options: Partial<Parameters<typeof openPkcs11Signer>[0]> = {},
): Promise<Pkcs11Signer> {
  const script = pathToFileURL(`${root}dist/signer/pkcs11-thread.js`)
  const signer = await openPkcs11Signer({
    pkcs11js,
    module,
    token: 'procura',
    label,
    pin: () => pin,
    script,
    ...options,
  })
  opened.push(signer)
  return signer
}

describe('a token of SoftHSM', () => {
  it.each([
    ['ed', 'Ed25519'],
    ['p256', 'ES256'],
    ['careful', 'ES256'],
  ] as const)('signs delegations with the key %s', async (label, algorithm) => {
    const { signer: owner } = await open(label)
    expect(owner.algorithm).toBe(algorithm)
    const [agent, audience] = [await generateSigner(), (await generateSigner()).did]
    const stores = memoryStores()
    const authorizer = createAuthorizer({ audience, subjects: [owner.did], commands: uncheckedCommands, ...stores })
    for (let i = 0; i < 20; i++) {
      const grant = await delegate({ issuer: owner, audience: agent.did, command: '/mail' })
      const call = await invoke({ issuer: agent, audience, command: '/mail/send', proofs: [grant] })
      expect((await authorizer.authorize(encodeContainer([call, grant]))).allowed).toBe(true)
    }
  })

  it('signs from the built package, which finds the program of its thread', async () => {
    const built = (await import(`${root}dist/signer/pkcs11.js`)) as {
      readonly openPkcs11Signer: typeof openPkcs11Signer
    }
    const one = await built.openPkcs11Signer({ pkcs11js, module, token: 'procura', label: 'ed', pin: () => pin })
    opened.push(one)
    expect(await one.signer.sign(message)).toHaveLength(64)
  })

  it('finds a key by its id too', async () => {
    const { signer } = await open('ed')
    const byId = await openPkcs11Signer({
      ...{ pkcs11js, module, token: 'procura', id: Buffer.from('ed'), pin: () => pin },
      script: pathToFileURL(`${root}dist/signer/pkcs11-thread.js`),
    })
    opened.push(byId)
    expect(byId.signer.did).toBe(signer.did)
  })

  it('signs again after its sessions were closed, and after the module was finalized', async () => {
    let asked = 0
    const pinOf = (): string => {
      asked += 1
      return pin
    }
    const { signer } = await open('ed', { pin: pinOf })
    library.C_CloseAllSessions(slotOf('procura'))
    expect(await signer.sign(message)).toHaveLength(64)
    library.C_Finalize()
    expect(await signer.sign(message)).toHaveLength(64)
    expect(asked).toBe(3)
  })

  it('SIG-22 sends a wrong PIN once', async () => {
    await expect(open('ed', { pin: () => '000000' })).rejects.toThrow('the token refused the PIN (CKR_PIN_INCORRECT)')
    const answers = [pin]
    const { signer } = await open('ed', { pin: () => answers.shift() ?? '000000' })
    library.C_CloseAllSessions(slotOf('procura'))
    await expect(signer.sign(message)).rejects.toThrow('the token refused the PIN (CKR_PIN_INCORRECT)')
    await expect(signer.sign(message)).rejects.toThrow('the token refused the PIN before')
  })

  it('explains that a token, a key or a module is missing', async () => {
    await expect(open('nothing')).rejects.toThrow('the token does not have the private key')
    await expect(open('ed', { token: 'nothing' })).rejects.toThrow('there is no token with the label')
    await expect(open('ed', { token: 'other' })).rejects.toThrow('the token does not have the private key')
    await expect(open('ed', { module: join(folder, 'no.so') })).rejects.toThrow('could not be loaded')
  })

  it('SIG-20 does not sign when the key was replaced', async () => {
    generate('replaced', 0x1055, 0x40, '130c656477617264733235353139')
    const { signer } = await open('replaced')
    destroy('replaced')
    generate('replaced', 0x1055, 0x40, '130c656477617264733235353139')
    await expect(signer.sign(message)).rejects.toThrow('the token has another key of this label or id now')
  })
})

/** Installs the package once, with its native part. */
async function installLibrary(): Promise<void> {
  if (existsSync(join(cache, 'installed'))) return
  mkdirSync(cache, { recursive: true })
  writeFileSync(join(cache, 'package.json'), '{ "type": "module" }\n')
  run('npm', ['install', '--silent', '--no-save', '--no-package-lock', 'pkcs11js@2.1.7'], cache)
  writeFileSync(join(cache, 'installed'), '')
}

function run(program: string, given: readonly string[], cwd: string = folder): void {
  const { status, stderr } = spawnSync(program, given, { cwd, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] })
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`)
}

function slotOf(label: string): unknown {
  return library.C_GetSlotList(true).find((slot) => library.C_GetTokenInfo(slot).label.trim() === label)
}

function withSession(task: (session: unknown) => void): void {
  const session = library.C_OpenSession(slotOf('procura'), 6)
  try {
    try {
      library.C_Login(session, 1, pin)
    } catch (error) {
      if ((error as { code?: number }).code !== 0x100) throw error
    }
    task(session)
  } finally {
    library.C_CloseSession(session)
  }
}

function generate(label: string, mechanism: number, kind: number, params: string, more: readonly object[] = []): void {
  const named = [
    { type: 0x100, value: kind },
    { type: 0x1, value: true },
    { type: 0x3, value: label },
    { type: 0x102, value: Buffer.from(label) },
  ]
  const publicKey = [...named, { type: 0x10a, value: true }, { type: 0x180, value: Buffer.from(params, 'hex') }]
  const privateKey = [...named, { type: 0x2, value: true }, { type: 0x103, value: true }, { type: 0x108, value: true }]
  withSession((session) =>
    library.C_GenerateKeyPair(session, { mechanism, parameter: null }, publicKey, [...privateKey, ...more]),
  )
}

function destroy(label: string): void {
  withSession((session) => {
    library.C_FindObjectsInit(session, [{ type: 0x3, value: label }])
    const found = library.C_FindObjects(session, 10)
    library.C_FindObjectsFinal(session)
    for (const object of found) library.C_DestroyObject(session, object)
  })
}
