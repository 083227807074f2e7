import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { verifyDelegation } from 'procura/authorization'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readEntries, root, specifierOf } from '../setup/entries.ts'
import { browserMs, service } from './chromium.service.ts'
import type { Report } from './indexed-db-page.ts'

const flags = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync']
const profile = mkdtempSync(join(tmpdir(), 'procura-indexed-db-'))
let server: Server
let address: string
let browser: BrowserContext
let page: Page

beforeAll(async () => {
  const script = await bundlePage()
  const frame = '<iframe sandbox="allow-scripts" src="/"></iframe>'
  server = createServer((request, response) => {
    const isScript = request.url === '/page.js'
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' })
    const html = request.url === '/frame' ? frame : '<!doctype html><script src="/page.js"></script>'
    response.end(isScript ? script : html)
  })
  await new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(0)))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  browser = await start()
})

beforeEach(async () => {
  page = await tab()
})

afterAll(async () => {
  await browser?.close()
  server?.close()
  rmSync(profile, { recursive: true, force: true, maxRetries: 20 })
})

describe('a key in the IndexedDB of Chromium', () => {
  it('SIG-25 signs, is not extractable, and is there after a reload and in the next start of the browser', async () => {
    const first = await open(page)
    expect(first).toMatchObject({ algorithm: 'Ed25519', isNew: true })
    expect(Math.abs(first.created - Date.now() / 1000)).toBeLessThan(60)
    await page.reload()
    const second = await open(page)
    expect(second).toMatchObject({ did: first.did, isNew: false, created: first.created })
    await browser.close()
    browser = await start()
    page = await tab()
    expect(await open(page)).toMatchObject({ did: first.did, isNew: false })
    for (const report of [first, second]) {
      const verdict = await verifyDelegation(report.container)
      expect(verdict.verified).toBe(true)
    }
    expect(await exported(page, 'default')).toBe('false InvalidAccessError')
  })

  it('SIG-26 is the same in two tabs that make it at the same time', async () => {
    const tabs = [page, await tab(), await tab(), await tab()]
    for (let round = 0; round < 5; round++) {
      const reports = await Promise.all(tabs.map((one) => open(one, { name: `together-${round}` })))
      expect(new Set(reports.map(({ did }) => did)).size).toBe(1)
      expect(reports.filter(({ isNew }) => isNew)).toHaveLength(1)
    }
  })

  it('has a name, signs for a DID, and can be removed', async () => {
    const [one, other] = [await open(page, { name: 'one' }), await open(page, { name: 'other' })]
    expect(one.did).not.toBe(other.did)
    expect(await open(page, { name: 'one', did: 'did:web:example.com' })).toMatchObject({ did: 'did:web:example.com' })
    await expect(open(page, { name: 'one', did: other.did })).rejects.toThrow('is the did:key of another key')
    await page.evaluate(() => globalThis.signers.remove({ name: 'one' }))
    await expect(open(page, { name: 'one', create: false })).rejects.toThrow('the browser does not have the key')
    expect(await open(page, { name: 'other', create: false })).toMatchObject({ did: other.did })
  })

  it('is a key of P-256 where the browser has no Ed25519', async () => {
    await page.evaluate(() => {
      const generate = crypto.subtle.generateKey.bind(crypto.subtle) as (...given: unknown[]) => Promise<unknown>
      crypto.subtle.generateKey = ((...given: unknown[]) =>
        (given[0] as { readonly name: string }).name === 'Ed25519'
          ? Promise.reject(new DOMException('unknown', 'NotSupportedError'))
          : generate(...given)) as never
    })
    const report = await open(page, { name: 'p256' })
    expect(report.algorithm).toBe('ES256')
    expect((await verifyDelegation(report.container)).verified).toBe(true)
    expect(await exported(page, 'p256')).toBe('false InvalidAccessError')
  })

  it('SIG-25 is refused when another script stored an extractable key, or something else', async () => {
    await open(page, { database: 'hostile', name: 'good' })
    await page.evaluate(async () => {
      const pair = (await crypto.subtle.generateKey({ name: 'Ed25519' }, true, ['sign', 'verify'])) as CryptoKeyPair
      const other = (await crypto.subtle.generateKey({ name: 'Ed25519' }, false, ['sign', 'verify'])) as CryptoKeyPair
      const opening = indexedDB.open('hostile', 1)
      await new Promise((resolve) => (opening.onsuccess = resolve))
      const transaction = opening.result.transaction('keys', 'readwrite')
      const store = transaction.objectStore('keys')
      store.add({ privateKey: pair.privateKey, publicKey: pair.publicKey, created: 1 }, 'extractable')
      store.add({ privateKey: other.privateKey, publicKey: pair.publicKey, created: 1 }, 'mixed')
      store.add({ privateKey: { extractable: false }, created: 1 }, 'malformed')
      for (const [at, created] of [undefined, null, '1', {}, 1.5, -1, Number.NaN, 1n].entries())
        store.add({ privateKey: other.privateKey, publicKey: other.publicKey, created }, `time-${at}`)
      store.add({ privateKey: other.privateKey, publicKey: other.publicKey }, 'time-8')
      store.add('text', 'text')
      store.add(null, 'nothing')
      await new Promise((resolve) => (transaction.oncomplete = resolve))
      opening.result.close()
    })
    const hostile = (name: string): Promise<Report> => open(page, { database: 'hostile', name })
    await expect(hostile('extractable')).rejects.toThrow('SigningError: the stored key is extractable or malformed')
    await expect(hostile('text')).rejects.toThrow('SigningError: the stored key is extractable or malformed')
    await expect(hostile('nothing')).rejects.toThrow('SigningError: the stored key is extractable or malformed')
    await expect(hostile('malformed')).rejects.toThrow('SigningError: the stored key is malformed')
    const untimely = '`created` of the stored key is invalid; remove the key with removeIndexedDbSigner'
    for (let at = 0; at < 9; at++) await expect(hostile(`time-${at}`)).rejects.toThrow(`SigningError: ${untimely}`)
    await expect(hostile('mixed')).rejects.toThrow('SigningError: the signature is invalid')
  })

  it('SIG-27 times out behind a database that another page keeps, and makes no key later', async () => {
    const other = await tab()
    const database = 'kept'
    await other.evaluate(async (name) => {
      const opening = indexedDB.open(name, 1)
      opening.onupgradeneeded = () => void opening.result.createObjectStore('keys')
      await new Promise((resolve) => (opening.onsuccess = resolve))
      // A page without a listener for `versionchange` holds up everybody behind the removal.
      Object.assign(globalThis, { kept: opening.result })
      indexedDB.deleteDatabase(name)
    }, database)
    const late = open(page, { database, timeoutMs: 500 })
    await expect(late).rejects.toThrow('SigningError: the browser did not open the database of the key within 500 ms')
    await expect(page.evaluate(() => globalThis.signers.remove({ database: 'kept', timeoutMs: 500 }))).rejects.toThrow(
      'did not open the database',
    )
    await other.close()
    await expect(open(page, { database, create: false })).rejects.toThrow('the browser does not have the key')
    expect(await open(page, { database })).toMatchObject({ isNew: true })
  })

  it('SIG-27 reports no removal and no key that the browser did not commit', async () => {
    await open(page, { name: 'uncommitted' })
    const aborting = await tab()
    await aborting.evaluate(() => {
      for (const method of ['add', 'delete'] as const) {
        const before = IDBObjectStore.prototype[method] as (...given: unknown[]) => IDBRequest
        IDBObjectStore.prototype[method] = function (this: IDBObjectStore, ...given: unknown[]) {
          const request = before.apply(this, given)
          request.addEventListener('success', () => this.transaction.abort())
          return request
        } as never
      }
    })
    await expect(aborting.evaluate(() => globalThis.signers.remove({ name: 'uncommitted' }))).rejects.toThrow(
      'the browser refused to store the key',
    )
    await expect(open(aborting, { name: 'never' })).rejects.toThrow(
      'SigningError: the browser refused to store the key',
    )
    expect(await open(page, { name: 'uncommitted' })).toMatchObject({ isNew: false })
    await expect(open(page, { name: 'never', create: false })).rejects.toThrow('does not have the key')
  })

  it('is refused when the database has a later version or another layout, or was closed by the browser', async () => {
    await page.evaluate(async () => {
      for (const [name, version] of [
        ['later', 2],
        ['foreign', 1],
      ] as const) {
        const opening = indexedDB.open(name, version)
        await new Promise((resolve) => (opening.onsuccess = resolve))
        opening.result.close()
      }
    })
    await expect(open(page, { database: 'later' })).rejects.toThrow(
      'SigningError: the browser refused to store the key (VersionError)',
    )
    await expect(open(page, { database: 'foreign' })).rejects.toThrow('(NotFoundError)')
    await page.evaluate(() => {
      const before = IDBDatabase.prototype.transaction
      IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...given: Parameters<typeof before>) {
        this.close()
        return before.apply(this, given)
      }
    })
    await expect(open(page, { name: 'closed' })).rejects.toThrow('(InvalidStateError)')
  })

  it('SIG-20 signs until the page ends, also when its key was removed', async () => {
    const signed = await page.evaluate(() => globalThis.signers.removeAndSign({ name: 'removed' }))
    expect((await verifyDelegation(signed)).verified).toBe(true)
    await expect(open(page, { name: 'removed', create: false })).rejects.toThrow('does not have the key')
  })

  it('is refused where the browser stores nothing', async () => {
    await page.goto(`${address}frame`)
    const frame = page.frames().find((one) => one !== page.mainFrame())
    await frame?.waitForFunction(() => 'signers' in globalThis)
    const answer = await frame?.evaluate(() => globalThis.signers.open())
    expect(answer).toBe(
      'SigningError: the browser refused to store the key (SecurityError); allow the data of this site, and leave private browsing',
    )
  })

  it('is forgotten with a private window', async () => {
    const other = await chromium.launch({
      executablePath: service.find() ?? '',
      headless: true,
      args: flags,
      timeout: browserMs,
    })
    try {
      const dids: string[] = []
      for (let window = 0; window < 2; window++) {
        const context = await other.newContext()
        const opened = await context.newPage()
        await opened.goto(address)
        dids.push((await open(opened)).did)
        await context.close()
      }
      expect(dids[0]).not.toBe(dids[1])
    } finally {
      await other.close()
    }
  })
})

async function open(where: Page, options: object = {}): Promise<Report> {
  const report = await where.evaluate((given) => globalThis.signers.open(given), options)
  if (typeof report === 'string') throw new Error(report)
  return report
}

/** Tries to export a key, as a script of the same origin would. */
function exported(where: Page, name: string): Promise<string> {
  return where.evaluate(async (key) => {
    const opening = indexedDB.open('procura-signer', 1)
    await new Promise((resolve) => (opening.onsuccess = resolve))
    const reading = opening.result.transaction('keys').objectStore('keys').get(key)
    await new Promise((resolve) => (reading.onsuccess = resolve))
    opening.result.close()
    const { privateKey } = reading.result as CryptoKeyPair
    return crypto.subtle.exportKey('pkcs8', privateKey).then(
      () => 'exported',
      (error: Error) => `${privateKey.extractable} ${error.name}`,
    )
  }, name)
}

async function start(): Promise<BrowserContext> {
  const started = await chromium.launchPersistentContext(profile, {
    executablePath: service.find() ?? '',
    headless: true,
    timeout: browserMs,
    args: flags,
  })
  started.setDefaultTimeout(browserMs)
  return started
}

async function tab(): Promise<Page> {
  const opened = await browser.newPage()
  await opened.goto(address)
  return opened
}

async function bundlePage(): Promise<string> {
  const built = Object.keys(readEntries()).map((name) => [specifierOf(name), `${root}dist/${name}.js`])
  const { outputFiles } = await build({
    entryPoints: [`${root}test/services/indexed-db-page.ts`],
    alias: Object.fromEntries(built),
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    tsconfigRaw: '{}',
  })
  return `{${outputFiles[0]?.text ?? ''}}`
}
