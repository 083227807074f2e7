import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { attenuate, type Delegation, delegate, encodeContainer, generateSigner, invoke, type Signer } from 'procura'
import { openAgent } from 'procura/agent'
import { fileDelegationStore } from 'procura/agent/file'
import { approve, readApprovalRequest, requestApproval } from 'procura/approval'
import { type RevocationRegistry, revoke } from 'procura/revocation'
import { openContainer } from 'procura/token'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { buildPage } from '../../../../../../test/setup/build.ts'
import { freePort } from '../../../../../../test/support/free-port.ts'
import { askGateway } from '../../../../src/cli/gateway/ask-gateway.ts'
import { readGatewayConfig } from '../../../../src/gateway/configuration/read-gateway-config.ts'
import { startPageEnrolment } from '../../../../src/gateway/serve/approvals/enroll-page.ts'
import { pageFiles } from '../../../../src/gateway/serve/approvals/page-files.ts'
import { beginPageRun, runKey } from '../../../../src/gateway/serve/approvals/page-run.ts'
import { listApprovals, type WaitingApproval } from '../../../../src/gateway/serve/approvals/review-approvals.ts'
import { runCli } from '../../../cli/run-cli.ts'
import { type AgentHome, makeAgentHome } from '../../agent-side/connect/agent-home.ts'
import { type Answer, type LineClient, newClients } from '../../agent-side/connect/client.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from '../gateway-home.ts'
import { approveAt } from './approver.ts'
import { atPage, linkOf, offerKey } from './page-world.ts'

const eve = { to: 'eve@evil.example' }
const textOf = (answer: Answer): string => answer.result?.content?.[0].text ?? ''

describe('the page for approvals in one run of a gateway', () => {
  let home: GatewayHome
  let agent: AgentHome
  let address: string
  const clients = newClients()
  beforeAll(buildPage, 600_000)
  beforeEach(async () => {
    home = await makeGatewayHome()
    address = `127.0.0.1:${await freePort()}`
    home.configure((config) => Object.assign(config, { approvals: { page: address } }))
    agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    await clients.end()
    await home.remove()
  })

  const config = (): ReturnType<typeof readGatewayConfig> => readGatewayConfig(join(home.folder, 'gateway.json'))
  const files = (): readonly string[] => readdirSync(join(home.folder, 'approvals'))

  /** Enrolls a key as the page of a browser does. */
  async function enroll(browser: Signer, expiresIn = 600): Promise<Delegation> {
    const enrolment = await startPageEnrolment({ config: await config() })
    expect((await offerKey(enrolment.link, browser.did)).status).toBe(200)
    expect(await enrolment.approver()).toBe(browser.did)
    const audience = browser.did
    const grant = await delegate({ issuer: home.owner, audience, command: '/mcp', meta: enrolment.meta, expiresIn })
    await enrolment.keep(encodeContainer([grant]))
    await enrolment.close()
    return grant
  }
  async function session(): Promise<LineClient> {
    const client = clients.connect(agent.folder)
    await client.initialize()
    return client
  }

  /** Answers as the page does. */
  async function answer(url: string, id: string, browser: Signer): Promise<string> {
    const found = await atPage(`${url}requests/${id}?approver=${encodeURIComponent(browser.did)}`)
    const kept = JSON.parse(found.text) as { id: string; request: string; proofs: string }
    const reading = await readApprovalRequest(kept.request, { approver: browser.did })
    if (!reading.valid) throw new Error(reading.denial.message)
    const proofs = (await openContainer(kept.proofs)).delegations
    const { container } = await approve(reading.request, { issuer: browser, proofs })
    const headers = { origin: url.slice(0, -1) }
    const { status, text } = await atPage(`${url}answers/${kept.id}`, { method: 'POST', headers, body: container })
    if (status !== 200) throw new Error(text)
    return container
  }

  /** The ID of a request to a key, as it is in the refusal. */
  const requested = async (client: LineClient, args: object): Promise<string> =>
    /procura approve ([a-z2-7]{16})/.exec(textOf(await client.call('send', args)))?.[1] as string

  it('APR-94 has an origin of its own in each run, at both loopback addresses', async () => {
    const first = await home.open()
    expect(first.approvalPage).toMatch(/^http:\/\/[a-z2-7]{16}\.localhost:\d+\/$/)
    const other = await makeGatewayHome()
    other.configure((one) => Object.assign(one, { approvals: { page: address } }))
    await expect(other.open()).rejects.toThrow(/cannot listen on .*\(EADDRINUSE\).*change `approvals\.page`/)
    await first.close()
    expect(files().filter((name) => name === 'page.run')).toEqual([])
    // Another process at the second address would be asked by some browsers.
    const port = Number(address.split(':')[1])
    const squatter = await squat('::1', port)
    await expect(home.open()).rejects.toThrow(/cannot listen on .*\[::1\]:\d+.*EADDRINUSE/)
    await new Promise((done) => squatter.close(done))
    const second = await home.open()
    expect(second.approvalPage).not.toBe(first.approvalPage)
    expect((await atPage(first.approvalPage as string)).status).toBe(421)
    await other.remove()
  })

  function squat(host: string, port: number): Promise<Server> {
    const server = createServer()
    return new Promise((resolve) => server.listen(port, host, () => resolve(server)))
  }

  it('APR-95 takes the key of a browser by a link, which refusals then name, and its approvals at once [APR-32] [APR-33]', async () => {
    const gateway = await home.open()
    const browser = await generateSigner()
    const mail = await session()
    const early = textOf(await mail.call('send', eve))
    expect(early).not.toContain(gateway.approvalPage)
    await enroll(browser)
    const url = gateway.approvalPage as string
    await expect.poll(async () => (await config()).approvals?.approvers).toEqual([])
    await expect
      .poll(async () => {
        const id = await requested(mail, eve)
        return (await atPage(`${url}requests/${id}?approver=${encodeURIComponent(browser.did)}`)).status
      })
      .toBe(200)
    const refused = textOf(await mail.call('send', eve))
    expect(refused).toMatch(/ask the user to open http:\S+ in the browser, or to run `procura approve \S+ --home /)
    const link = refused.split('open ')[1]?.split(' ')[0] as string
    expect(link.startsWith(`${url}#`)).toBe(true)
    const { names, longer } = JSON.parse(
      (await atPage(`${url}requests/${link.split('#')[1]}?approver=${encodeURIComponent(browser.did)}`)).text,
    ) as { names: object; longer: string }
    expect(Object.values(names)).toEqual(['agent assistant', 'this gateway', 'the owner'])
    const { id } = (await listApprovals({ config: await config() })).find(
      ({ request }) => request.approver === home.owner.did,
    ) as WaitingApproval
    expect(longer).toBe(`procura approve ${id} --for 8h --home ${home.folder}`)
    expect((await runCli(['approve', '--list', '--home', home.folder])).out).toContain('\tfor the browser\t')
    await answer(url, await requested(mail, eve), browser)
    expect(textOf(await mail.call('send', eve))).toBe('sent to eve@evil.example')
    expect(files().filter((name) => /\.(?:code|offer)$/.test(name))).toEqual([])
  })

  /** Stores a chain in the folder of an agent, as the program that stole it would. */
  async function plant({ folder, signer }: AgentHome, delegations: readonly Delegation[]): Promise<void> {
    const store = fileDelegationStore({ path: join(folder, 'delegations') })
    const { accepted } = await (await openAgent({ signer, store })).receive(encodeContainer([...delegations]))
    if (!accepted) throw new Error('the delegations were not accepted')
  }

  it('APR-94 ends the keys of a run: nothing that they have signed, or sign later, counts in the next one [attack 105]', async () => {
    const first = await home.open()
    // The key is in a file, so that it can also make calls. In a browser, another page of the origin can do the same.
    const place = { socket: join(home.folder, 'gateway.sock') }
    const parts = { audience: home.service.did, subject: home.owner.did }
    const thief = await makeAgentHome(join(home.folder, 'elsewhere'), place, parts)
    const browser = thief.signer
    await enroll(browser)
    const mail = await session()
    const url = first.approvalPage as string
    const early = await approved(url, mail, eve, browser)
    const own = early.filter(({ issuer }) => issuer === home.owner.did)
    await first.close()
    const second = await home.open()
    // An approval that was signed before.
    await plant(agent, early)
    expect(textOf(await (await session()).call('send', eve))).toMatch(/^Denied/)
    // One that is signed now, for a request of the agent.
    const carl = { to: 'carl@evil.example' }
    const late = await approvalBy(browser, carl, own)
    await plant(agent, late)
    expect(textOf(await (await session()).call('send', carl))).toMatch(/^Denied \(revoked\)/)
    // A call by the key itself.
    await plant(thief, own)
    const direct = clients.connect(thief.folder)
    await direct.initialize()
    expect(textOf(await direct.call('send', eve))).toMatch(/^Denied \(revoked\)/)
    expect(callsIn(home.folder)).toEqual([])
    // The page of this run knows the key no more.
    const id = await requested(await session(), { to: 'dora@evil.example' })
    const asked = `${second.approvalPage}requests/${id}?approver=${encodeURIComponent(browser.did)}`
    expect((await atPage(asked)).status).toBe(404)
    expect(files().filter((name) => name.endsWith('.page'))).toEqual([])
  })

  it('APR-94 ends the key of an earlier run whose delegation arrives during this one, or whose file cannot be read', async () => {
    const [first, place] = [await home.open(), { socket: join(home.folder, 'gateway.sock') }]
    const thief = await makeAgentHome(join(home.folder, 'elsewhere'), place, {
      audience: home.service.did,
      subject: home.owner.did,
    })
    const { meta } = await startPageEnrolment({ config: await config() })
    const grant = () => delegate({ issuer: home.owner, audience: thief.signer.did, command: '/mcp', meta })
    const [late, unreadable] = [await grant(), await grant()]
    const path = (letter: string): string => join(home.folder, 'approvals', `${letter.repeat(16)}.page`)
    await first.close()
    const second = await home.open()
    writeFileSync(path('a'), encodeContainer([late]), { mode: 0o600 })
    const present = await config()
    await Promise.all([second.reload(present), second.reload(present), second.reload(present)])
    const called = async (delegation: Delegation): Promise<string> => {
      await plant(thief, [delegation])
      const client = clients.connect(thief.folder)
      await client.initialize()
      return textOf(await client.call('send', eve))
    }
    expect(await called(late)).toMatch(/^Denied \(revoked\)/)
    expect(files()).not.toContain(`${'a'.repeat(16)}.page`)
    await second.close()
    writeFileSync(path('b'), encodeContainer([unreadable]))
    chmodSync(path('b'), 0o644)
    await expect(home.open()).rejects.toThrow(/`b{16}\.page` .*cannot be read/)
    expect(files()).toContain(`${'b'.repeat(16)}.page`)
    chmodSync(path('b'), 0o600)
    // Half a file, or a folder that cannot be listed, does not hide the key either.
    const whole = readFileSync(path('b'), 'utf8')
    writeFileSync(path('b'), whole.slice(0, whole.length / 2))
    await expect(home.open()).rejects.toThrow(/`b{16}\.page` .*cannot be read/)
    writeFileSync(path('b'), whole)
    const approvals = join(home.folder, 'approvals')
    renameSync(approvals, `${approvals}.away`)
    writeFileSync(approvals, '')
    await expect(home.open()).rejects.toThrow('the folder of approvals cannot be read (ENOTDIR)')
    home.configure((one) => Reflect.deleteProperty(one, 'approvals'))
    await expect(home.open()).rejects.toThrow('the folder of approvals cannot be read (ENOTDIR)')
    rmSync(approvals)
    renameSync(`${approvals}.away`, approvals)
    await home.open()
    expect(await called(unreadable)).toMatch(/^Denied \(revoked\)/)
    expect(callsIn(home.folder)).toEqual([])
  })

  it('APR-94 begins no run while the revocation of a key of an earlier one cannot be stored', async () => {
    const audience = (await generateSigner()).did
    const meta = { [runKey]: 'a'.repeat(16) }
    const grant = await delegate({ issuer: home.owner, audience, command: '/mcp', meta })
    const files = pageFiles(join(home.folder, 'approvals'))
    await files.putEnrolment('b'.repeat(16), encodeContainer([grant]))
    const add = vi.fn<RevocationRegistry['add']>(() => Promise.reject(new Error('disk full')))
    await expect(beginPageRun(files, { findRevocations: () => [], add })).rejects.toThrow('disk full')
    expect((await files.enrolments()).size).toBe(1)
    add.mockImplementation(async () => undefined)
    await beginPageRun(files, { findRevocations: () => [], add })
    expect(add).toHaveBeenLastCalledWith({ ids: [String(grant.cid)], expiration: grant.expiration })
    expect((await files.enrolments()).size).toBe(0)
  })

  it('APR-94 ends the keys for the rules of tools, too [attack 105]', async () => {
    home.configure((one) => Object.assign(Object(one['servers']).mail, { approvals: { send: {} } }))
    const bob = { to: 'bob@example.com' }
    const first = await home.open()
    const browser = await generateSigner()
    await enroll(browser)
    const mail = await session()
    const url = first.approvalPage as string
    await approved(url, mail, bob, browser)
    expect(textOf(await mail.call('send', bob))).toBe('sent to bob@example.com')
    const early = await approved(url, mail, bob, browser)
    await first.close()
    await home.open()
    await plant(agent, early)
    expect(textOf(await (await session()).call('send', bob))).toMatch(/^Denied \(policy_unsatisfied\)/)
    expect(callsIn(home.folder)).toHaveLength(1)
  })

  it('APR-95 ends the key for the rules of tools with its delegation: when the owner revokes it, or it expires', async () => {
    home.configure((one) => Object.assign(Object(one['servers']).mail, { approvals: { send: {} } }))
    const gateway = await home.open()
    const url = gateway.approvalPage as string
    const [lost, brief] = [await generateSigner(), await generateSigner()]
    const grant = await enroll(lost)
    // A configuration that was refused does not stop the looks.
    const refused = { ...(await config()), toolsFolder: '/elsewhere' }
    await expect(gateway.reload(refused)).rejects.toThrow('`toolsFolder` cannot change')
    const mail = await session()
    const bob = { to: 'bob@example.com' }
    // The answer is at the gateway, and the agent has not received it.
    await approved(url, mail, bob, lost)
    const revocation = await revoke({ issuer: home.owner, delegation: grant })
    const place = { socket: join(home.folder, 'gateway.sock') }
    const sent = await askGateway(place, { procura: 1, revoke: encodeContainer([revocation, grant]) })
    expect(sent).toMatchObject({ answer: { revoked: String(grant.cid) } })
    await expectNoRequestFor(lost, mail, url)
    expect(textOf(await mail.call('send', bob))).toMatch(/^Denied \(policy_unsatisfied\)/)
    await enroll(brief, 120)
    const ann = { to: 'ann@example.com' }
    await approved(url, mail, ann, brief)
    const now = Date.now
    vi.spyOn(Date, 'now').mockImplementation(() => now() + 300_000)
    await expectNoRequestFor(brief, mail, url)
    expect(textOf(await mail.call('send', ann))).toMatch(/^Denied \(policy_unsatisfied\)/)
    expect(callsIn(home.folder)).toEqual([])
  })

  /** Waits until the gateway takes no request for the key, of calls that are new each time. */
  async function expectNoRequestFor({ did }: Signer, client: LineClient, url: string): Promise<void> {
    let number = 0
    await expect
      .poll(async () => {
        const id = await requested(client, { to: `${did.slice(-8)}-${++number}@example.com` })
        return (await atPage(`${url}requests/${id}?approver=${encodeURIComponent(did)}`)).status
      })
      .toBe(404)
  }

  /** Answers the request of a call as soon as the gateway has taken the key, and returns the approval. */
  async function approved(
    url: string,
    client: LineClient,
    args: object,
    browser: Signer,
  ): Promise<readonly Delegation[]> {
    let made = ''
    await expect
      .poll(async () => {
        made = await answer(url, await requested(client, args), browser).catch((error) => String(error))
        return made
      })
      .not.toMatch(/^\w*Error/)
    return (await openContainer(made)).delegations
  }

  /** An approval that the key signs outside of the gateway. */
  async function approvalBy(
    browser: Signer,
    args: Readonly<Record<string, string>>,
    proofs: readonly Delegation[],
  ): Promise<readonly Delegation[]> {
    const { did: audience } = home.service
    const call = { issuer: agent.signer, subject: home.owner.did, audience, command: '/mcp/mail/send', args }
    const sent = await requestApproval(
      { approvable: true },
      { issuer: agent.signer, approver: browser.did, invocation: await invoke(call) },
    )
    const reading = await readApprovalRequest(sent.container, { approver: browser.did })
    if (!reading.valid) throw new Error(reading.denial.message)
    return (await openContainer((await approve(reading.request, { issuer: browser, proofs })).container)).delegations
  }

  it('APR-95 enrolls no key that another process offered with the link, and none of an ended run', async () => {
    const gateway = await home.open()
    const [browser, thief] = [await generateSigner(), await generateSigner()]
    const stolen = cli(['--page'], browser.did.slice(-6))
    const link = await stolen.link
    expect((await offerKey(link, thief.did)).status).toBe(200)
    // The program may have seen the key of the thief already, and have ended the code.
    expect(await offerKey(link, browser.did)).toMatchObject({
      status: 409,
      text: expect.stringMatching(/^the code (?:was used for another key|is not valid)/),
    })
    expect(await stolen.ended).toMatchObject({ code: 2, err: expect.stringContaining('nothing is enrolled') })
    expect((await offerKey(link, browser.did)).status).toBe(409)
    expect(await offerKey(link.replace(/-[a-z2-7]{16}/, `-${'a'.repeat(16)}`), thief.did)).toMatchObject({
      status: 409,
    })
    const good = cli(['--page', '--json'], browser.did.slice(-6))
    expect((await offerKey(await good.link, 'did:web:evil.example')).text).toBe('it is not a key\n')
    await offerKey(await good.link, browser.did)
    expect(await good.ended).toMatchObject({ code: 0 })
    expect(files().filter((name) => name.endsWith('.page'))).toHaveLength(1)
    const page = await startPageEnrolment({ config: await config() })
    const other = await delegate({ issuer: home.owner, audience: thief.did, command: '/mcp' })
    await expect(page.keep(encodeContainer([other]))).rejects.toThrow(/must be a delegation with the `meta`/)
    await gateway.close()
    // The person answers after the end of the run, or after the start of the next one.
    const late = await delegate({ issuer: home.owner, audience: thief.did, command: '/mcp', meta: page.meta })
    await expect(page.keep(encodeContainer([late]))).rejects.toThrow(/nothing is enrolled, begin again/)
    await expect(startPageEnrolment({ config: await config() })).rejects.toThrow(/serves no page/)
    await home.open()
    await expect(page.keep(encodeContainer([late]))).rejects.toThrow(/nothing is enrolled, begin again/)
    expect(files().filter((name) => name.endsWith('.page'))).toEqual([])
    const [, code] = page.link.split('#enroll-')
    const next = (await startPageEnrolment({ config: await config() })).link.split('#')[0]
    expect((await offerKey(`${next}#enroll-${code}`, thief.did)).text).toMatch(/the code is not valid/)
  })

  it('APR-95 counts no delegation that was signed for another run, by another principal or for another use', async () => {
    const gateway = await home.open()
    const url = gateway.approvalPage as string
    const browser = await generateSigner()
    const stranger = await generateSigner()
    const { meta } = await startPageEnrolment({ config: await config() })
    const audience = browser.did
    const planted = [
      await delegate({ issuer: home.owner, audience, command: '/mcp' }),
      await delegate({ issuer: home.owner, audience, command: '/mcp', meta: { 'procura/page-run': 'a'.repeat(16) } }),
      await delegate({ issuer: stranger, audience, command: '/mcp', meta }),
      await delegate({ issuer: home.owner, audience, command: '/mcp', meta, expiresIn: -1 } as never).catch(
        () => undefined,
      ),
    ]
    const name = (at: number): string => join(home.folder, 'approvals', `${'abcdef'[at]}`.repeat(16).concat('.page'))
    planted.forEach((one, at) => {
      if (one !== undefined) writeFileSync(name(at), encodeContainer([one]), { mode: 0o600 })
    })
    writeFileSync(name(4), 'x', { mode: 0o600 })
    // A delegate could make a key of its own an approver.
    const grant = await delegate({ issuer: home.owner, audience: agent.signer.did, command: '/mcp' })
    const passed = await attenuate(grant, { issuer: agent.signer, audience, command: '/mcp', meta })
    writeFileSync(name(5), encodeContainer([grant, passed]), { mode: 0o600 })
    await gateway.reload(await config())
    const mail = await session()
    const id = await requested(mail, eve)
    expect((await atPage(`${url}requests/${id}?approver=${encodeURIComponent(audience)}`)).status).toBe(404)
    await gateway.close()
    await expect(home.open()).rejects.toThrow(/`e{16}\.page` .*cannot be read/)
    rmSync(name(4))
    // A delegation that is not of a page stays valid, although somebody has put it there.
    await home.open()
    expect(files().filter((one) => one.endsWith('.page'))).toEqual([])
    expect(readFileSync(join(home.folder, 'approvals', 'page.run'), 'utf8')).toMatch(/^[a-z2-7]{16} http:/)
  })

  it('APR-93 is not used for a key of the page, which would outlive the run', async () => {
    const ann = await generateSigner()
    expect(await approveAt(home.folder, ['--enroll', ann.did])).toMatchObject({
      ...{ code: 2, err: expect.stringContaining('`procura approve --page --home ') },
    })
    expect(await approveAt(home.folder, ['--enroll', ann.did, '--elsewhere'])).toMatchObject({ code: 0 })
    expect((await approveAt(home.folder, ['--page'])).err).toContain(
      'serves no page; add `approvals.page`, such as "127.0.0.1:7335", run `procura stop',
    )
    expect((await runCli(['approve', '--page', '--home', home.folder])).code).toBe(2)
  })

  /** Runs `procura approve --page` at a terminal. */
  function cli(words: readonly string[], typed: string): { link: Promise<string>; ended: Promise<unknown> } {
    const ended = approveAt(home.folder, words, 'yes', [typed])
    const link = linkOf(home.folder)
    return { link, ended }
  }
})
