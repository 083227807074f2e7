import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Gateway } from '../../packages/cli/src/gateway/serve/open-gateway.ts'
import type { AgentHome } from '../../packages/cli/test/gateway/agent-side/connect/agent-home.ts'
import { makeApiHome } from '../../packages/cli/test/gateway/serve/api-home.ts'
import { approveAt } from '../../packages/cli/test/gateway/serve/approvals/approver.ts'
import {
  linkOf,
  type OnUrl,
  type SdkClient,
  sdkClient,
} from '../../packages/cli/test/gateway/serve/approvals/page-world.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from '../../packages/cli/test/gateway/serve/gateway-home.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import { approve } from '../../src/approval/approve.ts'
import { readApprovalRequest } from '../../src/approval/read-request.ts'
import { requestApproval } from '../../src/approval/request-approval.ts'
import { openContainer } from '../../src/core/authorization/open-container.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import type { Did } from '../../src/core/did/did.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { remoteSigner } from '../../src/core/principal/remote-signer.ts'
import { fileDelegationStore } from '../../src/stores/delegation-file/file-delegation-store.ts'
import { freePort } from '../support/free-port.ts'
import { service as browser, browserMs } from './chromium.service.ts'

const eve = { to: 'eve@evil.example', text: '<img src=x onerror=alert(1)>' }

describe('the page for approvals of a gateway, in Chromium', () => {
  let profile: string
  let context: BrowserContext
  let home: GatewayHome
  let gateway: Gateway
  let agent: AgentHome
  let address: string
  let url: string
  let did: string
  const faults: string[] = []
  const clients: SdkClient[] = []

  beforeAll(async () => {
    profile = mkdtempSync(join(tmpdir(), 'procura-approver-'))
    context = await chromium.launchPersistentContext(profile, {
      executablePath: browser.find() ?? '',
      headless: true,
      timeout: browserMs,
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
    })
    context.setDefaultTimeout(browserMs)
    home = await makeGatewayHome()
    address = `127.0.0.1:${await freePort()}`
    home.configure((config) => Object.assign(config, { approvals: { page: address } }))
    agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
    gateway = await home.open()
    did = await enroll(gateway)
  })
  afterAll(async () => {
    for (const client of clients) await client.close()
    await context?.close()
    await home?.remove()
    rmSync(profile, { recursive: true, force: true, maxRetries: 20 })
  })

  /** The key of the browser is made by its first visit in a run, and enrolled by the owner at a terminal. */
  async function enroll(
    { approvalPage }: Gateway,
    folder = home.folder,
    words: readonly string[] = ['--command', '/mcp/mail'],
  ): Promise<string> {
    url = approvalPage as string
    const made = await (await open(url)).locator('#approver').inputValue()
    const asked = approveAt(folder, ['--page', ...words], 'yes', [made.slice(-6)])
    const page = await open(await linkOf(folder))
    await page.locator('#status', { hasText: `ends with ${made.slice(-6)}` }).waitFor()
    expect(new URL(page.url()).hash).toBe('')
    expect(await asked).toMatchObject({ code: 0, err: expect.stringContaining(`${url}#enroll-`) })
    return made
  }

  async function open(url: string): Promise<Page> {
    const page = await context.newPage()
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
    page.on('dialog', (dialog) => faults.push(dialog.message()))
    page.on('request', (asked) => new URL(asked.url()).origin !== new URL(url).origin && faults.push(asked.url()))
    await page.goto(url)
    await page.locator('#status', { hasNotText: 'Loading' }).waitFor()
    return page
  }

  async function connect(sdk: 1 | 2, onUrl: OnUrl): Promise<SdkClient> {
    const client = await sdkClient(sdk, agent.folder, onUrl)
    clients.push(client)
    return client
  }

  for (const sdk of [1, 2] as const) {
    it(`APR-88 APR-89 APR-33 approves a call of a client of SDK ${sdk} that opened it, once`, async () => {
      const before = callsIn(home.folder).length
      const said: (string | null)[] = []
      const words: string[] = []
      const commands: (string | null)[] = []
      const { call } = await connect(sdk, async (url) => {
        const page = await open(url)
        void (async () => {
          await page.locator('#approve').click()
          await page.locator('#status', { hasText: 'The gateway has your answer' }).waitFor()
          said.push(await page.locator('#status').textContent())
          commands.push(await page.locator('#command').textContent())
          expect(await page.locator('#incoming').isVisible()).toBe(false)
          words.push(...(await page.locator('#words li').allTextContents()))
        })()
        return 'accept'
      })
      expect(await call('send', eve)).toBe('sent to eve@evil.example')
      await expect.poll(() => words.length).toBeGreaterThan(0)
      expect(said).toEqual(['You approved the call. The gateway has your answer.'])
      expect(words).toContain('  - to = "eve@evil.example"')
      expect(words[0]).toMatch(/^Agent: did:key:\S+ \("agent assistant"\)$/)
      expect(words.filter((line) => / \("(?:this gateway|the owner)"\)$/.test(line))).toHaveLength(2)
      expect(commands).toEqual([expect.stringMatching(/^procura approve [a-z2-7]{16} --for 8h --home \S+$/)])
      expect(words).toContain(`  - text = ${JSON.stringify(eve.text)}`)
      expect(callsIn(home.folder).length).toBe(before + 1)
    })
  }

  it('APR-89 refuses a call, and shows nothing of a request to an approver whom the owner has not enrolled', async () => {
    const { call } = await connect(1, async (url) => {
      const page = await open(url)
      await page.locator('#refuse').click()
      await page.locator('#status', { hasText: 'You refused the call. The gateway has your answer.' }).waitFor()
      const again = await open(url)
      await again.locator('#status', { hasText: 'no such request waits for this approver' }).waitFor()
      return 'accept'
    })
    expect(await call('send', { to: 'no@evil.example' })).toMatch(/The approver has refused this call/)
    const page = await open(`${url}#aaaaaaaaaaaaaaaa`)
    await page.locator('#status', { hasText: 'procura approve --page' }).waitFor()
    await expect(page.locator('#request').isHidden()).resolves.toBe(true)
  })

  it('GTW-66 GTW-68 approves a request to an HTTP API, whose body it shows', async () => {
    const api = await makeApiHome()
    const [usual, place] = [url, `127.0.0.1:${await freePort()}`]
    try {
      api.home.configure((config) => Object.assign(config, { approvals: { page: place } }))
      await api.agent.give(api.home.owner, '/http/crm', [['==', '.method', 'GET']])
      await enroll(await api.home.open(), api.home.folder, [])
      const call = await api.client()
      const body = '{"note":"<img src=x onerror=alert(1)>"}'
      const refused = async (path: string): Promise<string> => {
        const response = await call(path, { method: 'POST', body })
        const { approval } = (await response.json()) as { readonly approval: { readonly url: string } }
        return approval.url
      }
      // The gateway looks for new approvers each second. An earlier request is for the others.
      let page = await open(await refused('/v1/a'))
      while (await page.locator('#request').isHidden()) page = await open(await refused('/v1/a'))
      const words = (): Promise<readonly string[]> => page.locator('#words li').allTextContents()
      await expect.poll(words).toContain(`  - ${JSON.stringify(body)}`)
      expect(await page.locator('#warning').isHidden()).toBe(true)
      await page.locator('#approve').click()
      await page.locator('#status', { hasText: 'The gateway has your answer' }).waitFor()
      expect((await call('/v1/a', { method: 'POST', body })).status).toBe(200)
      expect(api.upstream.seen.map((one) => one.body)).toEqual([body])
      // A process that writes into the folder shows no other body.
      const link = await refused('/v1/b')
      const id = link.split('#')[1] as string
      const folder = join(api.home.folder, 'approvals')
      for (const name of readdirSync(folder).filter((one) => one.endsWith('.body')))
        writeFileSync(join(folder, name), Buffer.from('{}').toString('base64'), { mode: 0o600 })
      expect(id).toMatch(/^[a-z2-7]{16}$/)
      const changed = await open(link)
      await changed.locator('#words li', { hasText: /^THE BODY OF THE REQUEST IS NOT SHOWN/ }).waitFor()
      expect(await changed.locator('#warning').isHidden()).toBe(false)
    } finally {
      url = usual
      await api.remove()
    }
  })

  it('APR-89 cannot be read, answered or framed by another site [attack 104]', async () => {
    let id = ''
    const { call } = await connect(1, async (url) => {
      id = url.split('#')[1] as string
      return 'decline'
    })
    await call('send', { to: 'site@evil.example' })
    const site = await context.newPage()
    const other = `127.0.0.1:${await freePort()}`
    await site.route(`http://${other}/`, (route) =>
      route.fulfill({ contentType: 'text/html', body: `<iframe src="${url}#${id}"></iframe>` }),
    )
    await site.goto(`http://${other}/`)
    const tried = await site.evaluate(
      async ([at, request, approver]) => {
        const attempt = (path: string, init: RequestInit): Promise<string> =>
          fetch(`${at}${path}`, init).then(
            (response) => `${response.type} ${response.status}`,
            () => 'failed',
          )
        return [
          await attempt(`requests/${request}?approver=${approver}`, {}),
          await attempt(`requests/${request}?approver=${approver}`, { mode: 'no-cors' }),
          await attempt(`answers/${request}`, { method: 'POST', body: 'x', mode: 'no-cors' }),
        ]
      },
      [url, id, did],
    )
    // The policy on resources of other origins leaves no opaque response either.
    expect(tried[0]).toBe('failed')
    expect(['failed', 'opaque 0']).toContain(tried[1])
    expect(['failed', 'opaque 0']).toContain(tried[2])
    expect(site.frames().every((frame) => !frame.url().startsWith(url))).toBe(true)
    await site.close()
  })

  it('APR-94 lets another process at its address, while the gateway is down, use no key that counts later [attack 105]', async () => {
    const evil = { to: 'squatted@evil.example' }
    const before = url
    const [enrolment] = (await openContainer(textOfPage(home.folder))).delegations as [Delegation]
    await gateway.close()
    // The process answers for the page: its script has the origin of the run, and so its database and its key.
    const squatters = await squat(address)
    const page = await context.newPage()
    await page.goto(before)
    const signer = remoteSigner({
      did: did as Did,
      sign: async (bytes) => {
        const made = await page.evaluate(signWithKey, [...bytes])
        return new Uint8Array(made)
      },
    })
    expect(signer.did).toBe(did)
    await page.evaluate(async () => {
      await navigator.serviceWorker.register('/worker.js')
      await navigator.serviceWorker.ready
    })
    const call = {
      ...{ issuer: agent.signer, subject: home.owner.did, audience: home.service.did, command: '/mcp/mail/send' },
    }
    const { container } = await requestApproval(
      { approvable: true },
      { issuer: agent.signer, approver: did, invocation: await invoke({ ...call, args: evil }) },
    )
    const reading = await readApprovalRequest(container, { approver: did })
    if (!reading.valid) throw new Error(reading.denial.message)
    // It works: the page of the process has the approval, signed by the key of the browser.
    const forged = await approve(reading.request, { issuer: signer, proofs: [enrolment] })
    const store = fileDelegationStore({ path: join(agent.folder, 'delegations') })
    const thief = await openAgent({ signer: agent.signer, store })
    expect((await thief.receive(forged.container)).accepted).toBe(true)
    for (const one of squatters) await new Promise((done) => one.close(done).closeAllConnections())
    await page.close()
    const next = await home.open()
    const client = await connect(1, async () => 'decline')
    expect(await client.call('send', evil)).toMatch(/^Denied \(revoked\)/)
    expect(callsIn(home.folder).some((one) => JSON.stringify(one).includes(evil.to))).toBe(false)
    // The worker of the process has no part in the page of the next run, which has another key.
    const made = await enroll(next)
    expect(made).not.toBe(did)
    const fresh = await open(url)
    expect(await fresh.evaluate(() => navigator.serviceWorker.controller)).toBeNull()
    const old = await context.newPage()
    await old.goto(before)
    await expect(old.textContent('body')).resolves.toMatch(/the page of the process/)
  })

  it('has no fault', () => {
    expect(faults.filter((fault) => !/404 \(Not Found\)/.test(fault))).toEqual([])
  })
})

/** The delegation to the key of the page, as the gateway keeps it. */
function textOfPage(home: string): string {
  const folder = join(home, 'approvals')
  const [name = ''] = readdirSync(folder).filter((one) => one.endsWith('.page'))
  return readFileSync(join(folder, name), 'utf8').trim()
}

/** Another process at the address of the page. Its worker answers for the origin also after it has ended. */
async function squat(address: string): Promise<readonly Server[]> {
  const worker = `
    self.addEventListener('install', () => self.skipWaiting())
    self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
    self.addEventListener('fetch', (event) => event.respondWith(new Response('the page of the process')))`
  const port = Number(address.split(':')[1])
  return Promise.all(
    ['127.0.0.1', '::1'].map((host) => {
      const server = createServer((request, response) => {
        const isWorker = request.url === '/worker.js'
        response.setHeader('content-type', isWorker ? 'text/javascript' : 'text/html')
        response.end(isWorker ? worker : '<!doctype html><p>the page of the process</p>')
      })
      return new Promise<Server>((resolve) => server.listen(port, host, () => resolve(server)))
    }),
  )
}

/** Runs in the page of the process. */
async function signWithKey(bytes: readonly number[]): Promise<readonly number[]> {
  const opening = indexedDB.open('procura-approval', 1)
  await new Promise((done) => opening.addEventListener('success', done))
  const reading = opening.result.transaction('approver').objectStore('approver').get('key')
  await new Promise((done) => reading.addEventListener('success', done))
  const { privateKey } = reading.result as CryptoKeyPair
  return [...new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, new Uint8Array(bytes)))]
}
