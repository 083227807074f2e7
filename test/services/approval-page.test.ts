import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import {
  createAuthorizer,
  type Delegation,
  defineCommand,
  delegate,
  encodeContainer,
  generateSigner,
  type IpldMap,
  invoke,
  type Signer,
  uncheckedCommands,
} from 'procura'
import {
  type ApprovalAnswer,
  readApprovalAnswer,
  requestApproval,
  type SentRequest,
  withApproval,
} from 'procura/approval'
import { integer, text } from 'procura/arguments'
import { memoryStores } from 'procura/store/memory'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../setup/entries.ts'
import { service as browser, browserMs } from './chromium.service.ts'

const address = pathToFileURL(`${root}dist/approval/page.html`).href
const args: IpldMap = { to: 'bob@example.com', amount: 5 }
const command = '/pay'

/** A person: a browser with a profile, and so a key, of its own. */
interface Person {
  readonly context: BrowserContext
  readonly did: string
  readonly faults: readonly string[]
  open(request: string): Promise<Page>
}

const profiles: string[] = []

async function person(): Promise<Person> {
  const profile = mkdtempSync(join(tmpdir(), 'procura-approver-'))
  profiles.push(profile)
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: browser.find() ?? '',
    headless: true,
    timeout: browserMs,
    offline: true,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
  })
  context.setDefaultTimeout(browserMs)
  const faults: string[] = []
  const open = async (request: string): Promise<Page> => {
    const page = await context.newPage()
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
    page.on('request', (asked) => asked.url().split('#')[0] !== address && faults.push(asked.url()))
    page.on('dialog', (dialog) => faults.push(dialog.message()))
    await page.goto(`${address}${request === '' ? '' : `#${request}`}`)
    await page.locator('#status', { hasNotText: 'Loading' }).waitFor()
    return page
  }
  const page = await open('')
  return { context, did: await page.locator('#approver').inputValue(), faults, open }
}

/** Presses a button of the page, and reads the answer. */
async function answer(page: Page, button: 'approve' | 'refuse', request: SentRequest): Promise<ApprovalAnswer> {
  await page.locator(`#${button}`).click()
  await page.locator('#result').waitFor({ state: 'visible' })
  return readApprovalAnswer(await page.locator('#answer').inputValue(), { request })
}

describe('the page for approvals, in Chromium without a network', () => {
  let owner: Person
  let other: Person
  let agent: Signer
  let service: Signer

  beforeAll(async () => {
    agent = await generateSigner()
    service = await generateSigner()
    owner = await person()
    other = await person()
  })

  afterAll(async () => {
    for (const one of [owner, other]) await one?.context.close()
    for (const profile of profiles) rmSync(profile, { recursive: true, force: true, maxRetries: 20 })
  })

  const request = async (approver: string, subject: string, change: IpldMap = {}): Promise<SentRequest> =>
    requestApproval(
      { approvable: true },
      {
        issuer: agent,
        approver,
        invocation: await invoke({
          ...{ issuer: agent, subject, audience: service.did, command },
          args: { ...args, ...change },
        }),
        reason: '<b>please</b>',
      },
    )

  const decide = async (proofs: readonly Delegation[], given: IpldMap, subject: string): Promise<string> => {
    const authorizer = createAuthorizer({
      ...{ audience: service.did, subjects: [subject], commands: uncheckedCommands, ...memoryStores() },
    })
    const call = await invoke({ issuer: agent, subject, audience: service.did, command, args: given, proofs })
    const decision = await authorizer.authorize(encodeContainer([call, ...proofs]))
    return decision.allowed ? 'allowed' : decision.denial.code
  }

  it('APR-51 makes a key that cannot be exported, and keeps it', async () => {
    expect(owner.did).toMatch(/^did:key:z6Mk/)
    expect(other.did).not.toBe(owner.did)
    const page = await owner.open('')
    await expect(page.locator('#approver').inputValue()).resolves.toBe(owner.did)
    const exported = await page.evaluate(async () => {
      const opening = indexedDB.open('procura-approval')
      await new Promise((resolve) => (opening.onsuccess = resolve))
      const reading = opening.result.transaction('approver').objectStore('approver').get('key')
      await new Promise((resolve) => (reading.onsuccess = resolve))
      const { privateKey } = reading.result as CryptoKeyPair
      return crypto.subtle.exportKey('pkcs8', privateKey).then(
        () => 'exported',
        (error: Error) => `${privateKey.extractable} ${error.name}`,
      )
    })
    expect(exported).toBe('false InvalidAccessError')
  })

  it('shows a request and approves it: the call is allowed, and no other', async () => {
    const sent = await request(owner.did, owner.did)
    const page = await owner.open(sent.container)
    const words = await page.locator('#words li').allTextContents()
    expect(words).toContain('  - to = "bob@example.com"')
    expect(words).toContain('  - amount = 5')
    expect(words).toContain(`requests: ${command} and the commands below it`)
    expect(words).toContain('  - "<b>please</b>"')
    const said = await answer(page, 'approve', sent)
    if (said.answer !== 'approved') throw new Error(JSON.stringify(said))
    await expect(decide(said.proofs, args, owner.did)).resolves.toBe('allowed')
    await expect(decide(said.proofs, { ...args, amount: 6 }, owner.did)).resolves.toBe('policy_unsatisfied')
    await expect(page.locator('#request').isHidden()).resolves.toBe(true)
  })

  it('refuses with a signature', async () => {
    const sent = await request(owner.did, owner.did)
    const page = await owner.open(sent.container)
    await expect(answer(page, 'refuse', sent)).resolves.toEqual({ answer: 'refused' })
  })

  it('APR-50 shows markup as text, on one line an argument, and marks what is not shown', async () => {
    const hostile = '<img src=x onerror=alert(1)><script>alert(2)</script>\n  - amount = 1\u202e'
    const sent = await request(owner.did, owner.did, { note: hostile, '<i>': 1, big: 'x'.repeat(2_000) })
    const page = await owner.open(sent.container)
    const words = await page.locator('#words li').allTextContents()
    expect(words).toContain(`  - note = ${JSON.stringify(hostile).replace('\u202e', '\\u{202e}')}`)
    expect(words.filter((line) => line.startsWith('  - amount'))).toEqual(['  - amount = 5'])
    await expect(page.locator('#words img, #words script, #words i').count()).resolves.toBe(0)
    await expect(page.locator('#warning').isVisible()).resolves.toBe(true)
  })

  it('shows nothing of a request to somebody else, and nothing of other text', async () => {
    for (const text of [(await request(other.did, owner.did)).container, 'Cxxx', '%3Cscript%3E']) {
      const page = await owner.open(text)
      await expect(page.locator('#status').textContent()).resolves.toMatch(/^This is not a valid request/)
      await expect(page.locator('#request').isHidden()).resolves.toBe(true)
    }
  })

  it('approves nothing by a click in the first half second', async () => {
    const page = await owner.open('')
    const { container } = await request(owner.did, owner.did)
    const isOff = await page.evaluate((text) => {
      const incoming = document.getElementById('incoming') as HTMLTextAreaElement
      incoming.value = text
      document.getElementById('read')?.click()
      const button = document.getElementById('approve') as HTMLButtonElement
      const shown = document.getElementById('request') as HTMLElement
      return new Promise((resolve) => {
        const click = (): void => {
          button.click()
          if (!shown.hidden) resolve(button.disabled)
        }
        new MutationObserver(click).observe(shown, { attributes: true })
      })
    }, container)
    expect(isOff).toBe(true)
    await page.locator('#approve:enabled').waitFor()
    await expect(page.locator('#result').isHidden()).resolves.toBe(true)
  })

  it('APR-52 approves nothing by a click in the first half second after another request', async () => {
    const page = await owner.open((await request(owner.did, owner.did)).container)
    await page.locator('#approve:enabled').waitFor()
    const texts = await Promise.all([6, 7].map((amount) => request(owner.did, owner.did, { amount })))
    const waited = await page.evaluate(
      async ([first, second]) => {
        const button = document.getElementById('approve') as HTMLButtonElement
        const shown = (amount: number): boolean =>
          document.getElementById('words')?.textContent?.includes(`amount = ${amount}`) === true
        const until = async (condition: () => boolean): Promise<void> => {
          while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
        }
        location.hash = first ?? ''
        await until(() => shown(6))
        await new Promise((resolve) => setTimeout(resolve, 400))
        const started = performance.now()
        location.hash = second ?? ''
        await until(() => shown(7))
        await until(() => !button.disabled)
        return performance.now() - started
      },
      texts.map(({ container }) => container),
    )
    expect(waited).toBeGreaterThan(400)
  })

  it('APR-52 does not work in a frame', async () => {
    const { container } = await request(owner.did, owner.did)
    const around = join(profiles[0] as string, 'around.html')
    writeFileSync(around, `<!doctype html><iframe src="${address}#${container}"></iframe>`)
    const page = await owner.context.newPage()
    await page.goto(pathToFileURL(around).href)
    const frame = page.frameLocator('iframe')
    await frame.locator('#status', { hasText: 'does not work in a frame' }).waitFor()
    await expect(frame.locator('#request').isHidden()).resolves.toBe(true)
    await expect(frame.locator('#approver').inputValue()).resolves.toBe('')
  })

  it('APR-53 can neither load nor send anything, and runs no other script', async () => {
    const page = await owner.open('')
    const blocked = await page.evaluate(async () => {
      const violations: string[] = []
      document.addEventListener('securitypolicyviolation', (event) => violations.push(event.effectiveDirective))
      await fetch('http://127.0.0.1:9/').catch(() => undefined)
      const image = document.createElement('img')
      image.src = 'http://127.0.0.1:9/x.png'
      document.body.append(image)
      try {
        document.body.insertAdjacentHTML('beforeend', '<b>x</b>')
      } catch {}
      // A busy browser reports them late.
      const end = performance.now() + 20_000
      while (new Set(violations).size < 3 && performance.now() < end)
        await new Promise((resolve) => setTimeout(resolve, 50))
      return violations
    })
    expect(new Set(blocked)).toEqual(new Set(['connect-src', 'img-src', 'require-trusted-types-for']))
  })

  it('approves in the name of an owner with the delegations that were kept, in another browser', async () => {
    const boss = await generateSigner()
    const grant = await delegate({ issuer: boss, audience: other.did, command })
    const page = await other.open('')
    await page.locator('#proofs').fill(encodeContainer([grant]))
    await page.locator('#keep').click()
    await page.locator('#status', { hasText: 'Kept 1' }).waitFor()
    const sent = await request(other.did, boss.did)
    const said = await answer(await other.open(sent.container), 'approve', sent)
    if (said.answer !== 'approved') throw new Error(JSON.stringify(said))
    expect(said.proofs).toHaveLength(2)
    await expect(decide(said.proofs, args, boss.did)).resolves.toBe('allowed')
  })

  it('APR-60 needs the approvals of two people, each in a browser of their own', async () => {
    const boss = await generateSigner()
    const pay = defineCommand({ command, args: { to: text(), amount: integer() } })
    const approvals = { approvers: [owner.did, other.did], threshold: 2 }
    const authorizer = createAuthorizer({
      ...{ audience: service.did, subjects: [boss.did], commands: [{ ...pay, approvals }], ...memoryStores() },
    })
    const grant = await delegate({ issuer: boss, audience: agent.did, command })
    for (const { did, open } of [owner, other]) {
      const page = await open('')
      await page.locator('#proofs').fill(encodeContainer([await delegate({ issuer: boss, audience: did, command })]))
      await page.locator('#keep').click()
      await page.locator('#status', { hasText: 'Kept 1' }).waitFor()
    }
    const answers: string[] = []
    const pays = (asked: readonly Person[]): ReturnType<typeof authorizer.authorize> =>
      withApproval({
        call: { issuer: agent, audience: service.did, command, args, proofs: [grant] },
        ...approvals,
        send: (container) => authorizer.authorize(container),
        ask: async (sent) => {
          const one = asked.find(({ did }) => did === sent.approver)
          if (one === undefined) return undefined
          const page = await one.open(sent.container)
          await page.locator('#approve').click()
          await page.locator('#result').waitFor({ state: 'visible' })
          answers.push(sent.approver)
          return page.locator('#answer').inputValue()
        },
      })
    expect((await pays([owner])).allowed).toBe(false)
    const both = await pays([owner, other])
    expect(both.allowed).toBe(true)
    expect(answers.sort()).toEqual([owner.did, owner.did, other.did].sort())
  })

  it('has no fault', () => {
    expect(owner.faults.filter((fault) => !/Content Security Policy|TrustedHTML|127\.0\.0\.1/.test(fault))).toEqual([])
    expect(other.faults).toEqual([])
  })
})
