import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { type BrowserContext, chromium } from 'playwright-core'
import * as procura from 'procura'
import { backend } from 'procura/backend/node'
import * as stores from 'procura/store/memory'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectedWords } from '../setup/decisions.ts'
import { readEntries, root, specifierOf } from '../setup/entries.ts'
import { toHexJson } from '../setup/hex-suites.ts'
import { type SmokeReport, smoke } from '../setup/smoke.ts'
import { accepted, readSuites } from '../setup/vectors.ts'
import { readVectors } from '../vectors/read.ts'
import { browserMs, service } from './chromium.service.ts'

const api = { ...procura, ...stores }
const tokens = [...readVectors('valid.json'), ...readVectors('hostile.json')]

describe('the built package in a browser', () => {
  const profile = mkdtempSync(join(tmpdir(), 'procura-chromium-'))
  const faults: string[] = []
  let server: Server
  let browser: BrowserContext
  let reports: readonly SmokeReport[]

  beforeAll(async () => {
    server = await serve({
      '/': { type: 'text/html', body: '<!doctype html><script type="module" src="/page.js"></script>' },
      '/page.js': { type: 'text/javascript', body: await bundlePage() },
      '/tokens.json': { type: 'application/json', body: JSON.stringify(tokens) },
      '/suites.json': { type: 'application/json', body: toHexJson(readSuites()) },
    })
    browser = await chromium.launchPersistentContext(profile, {
      executablePath: service.find() ?? '',
      headless: true,
      timeout: browserMs,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
    browser.setDefaultTimeout(browserMs)
    const page = await browser.newPage()
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('requestfailed', (request) => faults.push(request.url()))
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await page.waitForFunction(() => 'reports' in globalThis)
    reports = await page.evaluate(() => globalThis.reports)
  })

  afterAll(async () => {
    await browser?.close()
    server?.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 20 })
  })

  it('loads without a fault, and asks for nothing but itself', () => {
    expect(faults).toEqual([])
    expect(reports.map((report) => report.backend)).toHaveLength(2)
  })

  it('accepts exactly the vectors that are accepted elsewhere, on both back ends [attack 57]', async () => {
    const onNode = await smoke(api, backend, readSuites())
    for (const { backend, verdicts } of reports) {
      expect.soft(verdicts, backend).toEqual(onNode.verdicts)
      const counts = Object.entries(verdicts).map(([name, letters]) => [name, letters.split('A').length - 1])
      expect.soft(Object.fromEntries(counts), backend).toEqual(accepted)
    }
  })

  it('P10 verdict: decides about every vector of tokens as is right, whatever it decided before', () => {
    for (const { backend, decisions } of reports) expect.soft(decisions, backend).toEqual(expectedWords(tokens))
  })

  it('delegates, attenuates, invokes and decides as Node does', async () => {
    const { flow } = await smoke(api, backend, {})
    for (const report of reports) expect.soft(report.flow, report.backend).toEqual(flow)
    expect(flow).toContain('Ed25519 good: allowed')
  })
})

async function bundlePage(): Promise<string> {
  const built = Object.keys(readEntries()).map((name) => [specifierOf(name), `${root}dist/${name}.js`])
  const { outputFiles } = await build({
    entryPoints: [`${root}test/services/chromium-page.ts`],
    alias: Object.fromEntries(built),
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    tsconfigRaw: '{}',
  })
  return outputFiles[0]?.text ?? ''
}

function serve(files: Readonly<Record<string, { readonly type: string; readonly body: string }>>): Promise<Server> {
  const server = createServer((request, response) => {
    const file = files[request.url ?? '']
    response.writeHead(file ? 200 : 204, { 'content-type': file?.type ?? 'text/plain' })
    response.end(file?.body)
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}
