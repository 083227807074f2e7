import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { approveAt } from '../gateway/approvals/approver.ts'
import { freePort, type OnUrl, type SdkClient, sdkClient } from '../gateway/approvals/page-world.ts'
import type { AgentHome } from '../gateway/connect/agent-home.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from '../gateway/serve/gateway-home.ts'
import { service as browser } from './chromium.service.ts'

const eve = { to: 'eve@evil.example', text: '<img src=x onerror=alert(1)>' }

describe('the page for approvals of a gateway, in Chromium', () => {
  let profile: string
  let context: BrowserContext
  let home: GatewayHome
  let agent: AgentHome
  let address: string
  let did: string
  const faults: string[] = []
  const clients: SdkClient[] = []

  beforeAll(async () => {
    profile = mkdtempSync(join(tmpdir(), 'procura-approver-'))
    context = await chromium.launchPersistentContext(profile, {
      executablePath: browser.find() ?? '',
      headless: true,
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
    })
    home = await makeGatewayHome()
    address = `127.0.0.1:${await freePort()}`
    home.configure((config) => Object.assign(config, { approvals: { page: address } }))
    agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
    // The key of the browser is made by its first visit, and enrolled by the owner.
    const first = await home.open()
    did = await (await open(`http://${address}/`)).locator('#approver').inputValue()
    await first.close()
    await approveAt(home.folder, ['--enroll', did, '--command', '/mcp/mail'])
    home.configure((config) => Object.assign(config, { approvals: { page: address, approvers: [did] } }))
    await home.open()
  })
  afterAll(async () => {
    for (const client of clients) await client.close()
    await context?.close()
    await home?.remove()
    rmSync(profile, { recursive: true, force: true })
  })

  async function open(url: string): Promise<Page> {
    const page = await context.newPage()
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
    page.on('dialog', (dialog) => faults.push(dialog.message()))
    page.on('request', (asked) => new URL(asked.url()).host !== address && faults.push(asked.url()))
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
    it(`APR-88 APR-89 approves a call of a client of SDK ${sdk} that opened it, once`, async () => {
      const before = callsIn(home.folder).length
      const said: (string | null)[] = []
      const words: string[] = []
      const { call } = await connect(sdk, async (url) => {
        const page = await open(url)
        void (async () => {
          await page.locator('#approve').click()
          await page.locator('#status', { hasText: 'The gateway has your answer' }).waitFor()
          said.push(await page.locator('#status').textContent())
          words.push(...(await page.locator('#words li').allTextContents()))
        })()
        return 'accept'
      })
      expect(await call('send', eve)).toBe('sent to eve@evil.example')
      await expect.poll(() => words.length).toBeGreaterThan(0)
      expect(said).toEqual(['You approved the call. The gateway has your answer.'])
      expect(words).toContain('  - to = "eve@evil.example"')
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
    const page = await open(`http://${address}/#aaaaaaaaaaaaaaaa`)
    await page.locator('#status', { hasText: `procura approve --enroll ${did}` }).waitFor()
    await expect(page.locator('#request').isHidden()).resolves.toBe(true)
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
      route.fulfill({ contentType: 'text/html', body: `<iframe src="http://${address}/#${id}"></iframe>` }),
    )
    await site.goto(`http://${other}/`)
    const tried = await site.evaluate(
      async ([at, request, approver]) => {
        const attempt = (path: string, init: RequestInit): Promise<string> =>
          fetch(`http://${at}/${path}`, init).then(
            (response) => `${response.type} ${response.status}`,
            () => 'failed',
          )
        return [
          await attempt(`requests/${request}?approver=${approver}`, {}),
          await attempt(`requests/${request}?approver=${approver}`, { mode: 'no-cors' }),
          await attempt(`answers/${request}`, { method: 'POST', body: 'x', mode: 'no-cors' }),
        ]
      },
      [address, id, did],
    )
    // The policy on resources of other origins leaves no opaque response either.
    expect(tried[0]).toBe('failed')
    expect(['failed', 'opaque 0']).toContain(tried[1])
    expect(['failed', 'opaque 0']).toContain(tried[2])
    expect(site.frames().every((frame) => !frame.url().startsWith(`http://${address}`))).toBe(true)
    await site.close()
  })

  it('has no fault', () => {
    expect(faults.filter((fault) => !/404 \(Not Found\)/.test(fault))).toEqual([])
  })
})
