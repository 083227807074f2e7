import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Delegation, delegate, generateSigner, invoke, type Policy } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { requestApproval } from 'procura/approval'
import { revoke } from 'procura/revocation'
import { decodeDelegation } from 'procura/token'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { giveScope, scopesFor } from '../../../../src/cli/approvals/scoped.ts'
import { issuedTo, noteIssued, openIssued } from '../../../../src/cli/home/issued.ts'
import { sendRevocation } from '../../../../src/cli/tokens/send-revocation.ts'
import { readGatewayConfig } from '../../../../src/gateway/configuration/read-gateway-config.ts'
import { approvalFiles } from '../../../../src/gateway/serve/approvals/approval-files.ts'
import { type KeptRequest, readKeptRequest } from '../../../../src/gateway/serve/approvals/kept-request.ts'
import { listApprovals } from '../../../../src/gateway/serve/approvals/review-approvals.ts'
import { type CliResult, runCli } from '../../../cli/run-cli.ts'
import type { AgentHome } from '../../agent-side/connect/agent-home.ts'
import { type Answer, connectClient, type LineClient } from '../../agent-side/connect/client.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from '../gateway-home.ts'
import { type Answered, approveAt } from './approver.ts'

let home: GatewayHome
let agent: AgentHome
let clients: LineClient[]
/** Moves the clock of this process forward, in which the gateway runs too. */
function wait(seconds: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1_000 })
}

beforeEach(async () => {
  clients = []
  home = await makeGatewayHome()
  agent = await home.agent('assistant')
})
afterEach(async () => {
  vi.useRealTimers()
  for (const { input, ended } of clients) {
    input.destroy()
    await ended
  }
  await home.remove()
})

async function client(): Promise<LineClient> {
  const made = connectClient(agent.folder)
  clients.push(made)
  await made.initialize()
  return made
}

const textOf = (answer: Answer): string => answer.result?.content?.[0].text ?? ''
const idIn = (answer: Answer): string => /procura approve ([a-z2-7]{16})/.exec(textOf(answer))?.[1] as string
const eve = { to: 'eve@evil.example' }

/** The gateway with rules of the server `mail`, and one client. */
async function started(policy: Policy, more: object = {}): Promise<LineClient> {
  home.configure((config) => Object.assign((config as { servers: { mail: object } }).servers.mail, more))
  if (policy !== undefined) await agent.give(home.owner, '/mcp/mail/send', policy, 86_400)
  await home.open()
  return client()
}

/** Makes a call that is refused, and answers its request. */
async function answer(call: LineClient['call'], args: object, line: string, ...words: string[]): Promise<Answered> {
  return approveAt(home.folder, [idIn(await call('send', args)), ...words], line)
}

const mails: Policy = [['like', '.to', '*@example.com']]
const files: Policy = [['like', '.to', '/data/public/*']]
const ended = { code: 2, out: '' }

describe('an approval with a scope', () => {
  it('APR-70 APR-72 for an hour and this folder lets others pass there, and ends', async () => {
    const { call } = await started(files, { paths: ['to'] })
    const said = await answer(call, { to: '/data/reports/q3.txt' }, '3', '--for', '1h')
    expect(said.shown).toMatch(
      /\n3: 10 calls such as this one, with `to` in this folder or one below it and any other arguments, \s+[|] until [^-]+\S+\s[^-]*- folder = "\/data\/reports"\n/,
    )
    expect(said).toMatchObject({ code: 0 })
    const pass = ['/data/reports/q3.txt', '/data/reports/q4.txt', '/data/reports/2026/q1.txt']
    for (const to of pass) expect(textOf(await call('send', { to }))).toBe(`sent to ${to}`)
    const others = ['/data/other/q3.txt', '/data/reports', '/data/reportsx/a', '/data/a', '/reports/a', '*']
    const tricks = ['/data/reports/../other/a', '/data/reports/..', '/data/reports//a', '/data/reports/%2e%2e/a']
    const shapes = [
      ['/data/reports/a'],
      ['/data/reports/a', '/etc/passwd'],
      { '0': '/data/reports/a' },
      '/data/reports/\uff0e\uff0e/a',
    ]
    for (const to of [...others, ...tricks, ...shapes])
      expect(textOf(await call('send', { to })), JSON.stringify(to)).toMatch(/^Denied/)
    wait(3_601 + 60)
    expect(textOf(await call('send', { to: '/data/reports/q5.txt' }))).toMatch(/^Denied .*An approval is requested/)
    expect(callsIn(home.folder)).toHaveLength(3)
  })

  it('APR-70 APR-76 for this recipient is used up after 10 calls, and asks again then', async () => {
    const { call } = await started([...mails, ['like', '.text', '*']])
    const args = { ...eve, text: 'a' }
    const said = await answer(call, args, '2')
    expect(said.shown).toContain(
      '2: 10 calls such as this one, with this value and any other arguments, if `.text` is any string',
    )
    for (let at = 0; at < 10; at++)
      expect(textOf(await call('send', { ...eve, text: String(at) }))).toBe('sent to eve@evil.example')
    for (const other of [{ to: 'eve@evil.example.org' }, { to: 'EVE@evil.example' }, { to: [eve.to] }, eve])
      expect(textOf(await call('send', { text: 'a', ...other, ...(other === eve && { text: 1 }) }))).toMatch(/^Denied/)
    const refused = await call('send', { ...eve, text: 'more' })
    expect(textOf(refused)).toMatch(/^Denied \(limit_exhausted\): .*An approval is requested/)
    expect((await approveAt(home.folder, [idIn(refused)], 'yes')).out).toMatch(/can make this call once/)
    expect(textOf(await call('send', { ...eve, text: 'more' }))).toBe('sent to eve@evil.example')
    // The delegation of the agent is not hidden by the one that is used up.
    expect(textOf(await call('send', { to: 'bob@example.com', text: 'x' }))).toBe('sent to bob@example.com')
    expect(callsIn(home.folder)).toHaveLength(12)
  })

  it('APR-70 for the same call permits no other one', async () => {
    const { call } = await started(mails)
    const said = await answer(call, eve, '1')
    expect(said.out).toMatch(
      /^approved \w{16}: this call with the same arguments, as often as the agent makes it, until/,
    )
    for (let at = 0; at < 12; at++) expect(textOf(await call('send', eve))).toBe('sent to eve@evil.example')
    expect(textOf(await call('send', { ...eve, text: 'x' }))).toMatch(/^Denied/)
    wait(8 * 3_600 + 61)
    expect(textOf(await call('send', eve))).toMatch(/^Denied/)
  })

  it('APR-76 takes the place of a delegation whose uses are over', async () => {
    const { call } = await started([['limit/uses', 1]])
    expect(textOf(await call('send', eve))).toBe('sent to eve@evil.example')
    const said = await answer(call, eve, '1')
    expect(said.shown).not.toContain('\n2: ')
    // The delegation lives longer, so it is tried first; the approval is then tried without a question.
    for (let at = 0; at < 3; at++) expect(textOf(await call('send', eve))).toBe('sent to eve@evil.example')
    expect(textOf(await call('send', { to: 'bob@example.com' }))).toMatch(
      /^Denied \(limit_exhausted\).*An approval is requested/,
    )
  })

  it('APR-76 makes way for a delegation that came later', async () => {
    const { call } = await started(mails)
    await answer(call, eve, '2', '--for', '7d')
    for (let at = 0; at < 10; at++) await call('send', { ...eve, text: String(at) })
    expect(textOf(await call('send', eve))).toMatch(/^Denied \(limit_exhausted\)/)
    await agent.give(home.owner, '/mcp/mail/send', [], 3_600)
    expect(textOf(await call('send', eve))).toBe('sent to eve@evil.example')
    expect(callsIn(home.folder)).toHaveLength(11)
  })

  it('APR-73 CLI-44 is shown by status with the command that ends it', async () => {
    const { call } = await started(mails)
    const { err, out } = await answer(call, eve, '1', '--json')
    const { delegation, ...others } = JSON.parse(out) as { readonly delegation: string }
    expect(others).toMatchObject({ state: 'approved', uses: null, expiration: expect.any(Number) })
    const command = `procura revoke --agent assistant --delegation ${delegation} --home ${home.folder}`
    expect(err).toContain(`\`${command}\` ends it earlier`)
    const shown = (await runCli(['status', '--home', home.folder])).out
    expect(shown).toContain(`    by an approval; \`${command}\` ends it, and it ends 20`)
    const { agents } = JSON.parse((await runCli(['status', '--json', '--home', home.folder])).out)
    expect(agents[0].may.map(({ approval }: { approval?: string }) => approval)).toEqual([delegation, undefined])
  })

  it('APR-72 is in the log with each call, and in the ledger that is named', async () => {
    const { call } = await started(mails)
    const ledger = join(home.folder, 'audit', 'approvals')
    const { out } = await answer(call, eve, '1', '--json', '--ledger', ledger)
    const { delegation } = JSON.parse(out) as { readonly delegation: string }
    await call('send', eve)
    expect(JSON.stringify(await home.records())).toContain(delegation)
    expect((await runCli(['log', ledger, '--json'])).out).toContain(delegation)
  })

  it('is in the ledger of the home folder until it is revoked [LOG-22]', async () => {
    const { call } = await started(mails)
    const could = (...words: readonly string[]): Promise<CliResult> =>
      runCli(['log', 'could', '--agent', 'assistant', '--home', home.folder, ...words])
    const { out } = await answer(call, eve, '1', '--json')
    const { delegation } = JSON.parse(out) as { readonly delegation: string }
    const given = await could('--at', 'now')
    expect([given.code, given.out]).toEqual([0, expect.stringContaining(`  by ${delegation}`)])
    expect(given.out).toMatch(/^\/mcp\/mail\/send for the owner\n {2}where .*eve@evil\.example/)
    expect((await could('--at', 'yesterday')).code).toBe(1)
    wait(120)
    const tokens = await fileDelegationStore({ path: join(agent.folder, 'delegations') }).load({})
    const held = await Promise.all(tokens.map((one) => decodeDelegation(one)))
    const scope = held.find(({ cid }) => String(cid) === delegation) as Delegation
    const revocation = await revoke({ issuer: home.owner, delegation: scope })
    expect(await sendRevocation(home.folder, revocation, [scope])).toMatchObject({ state: 'taken' })
    wait(60)
    expect((await could('--at', 'now')).out).not.toContain(delegation)
    expect((await could('--at=-2m')).out).toContain(`  by ${delegation}`)
  })

  it('is not given when the ledger of the home folder cannot be written [LOG-22]', async () => {
    const { call } = await started(mails)
    writeFileSync(join(home.folder, 'ledger'), 'a file')
    const said = await answer(call, eve, '1')
    expect(said.code, said.err).toBe(2)
    expect(textOf(await call('send', eve))).toMatch(/^Denied/)
    const place = await openIssued(join(home.folder, 'vault'), { keyFile: join(home.folder, 'vault.key') })
    expect(await issuedTo(place, 'assistant')).toEqual([])
  })

  it('APR-74 has the length and the number of the options, which are checked first', async () => {
    const { call } = await started(mails)
    const id = idIn(await call('send', eve))
    const at = (line: string, ...words: string[]): Promise<Answered> => approveAt(home.folder, words, line)
    expect(await at('yes', id, '--for', '8d')).toMatchObject({
      ...ended,
      err: expect.stringContaining('--for is at most 7d'),
    })
    expect(await at('yes', id, '--for', '169h')).toMatchObject(ended)
    expect(await at('yes', id, '--for', '1y')).toMatchObject(ended)
    expect(await at('yes', id, '--scope', '4')).toMatchObject(ended)
    expect(await at('yes', id, '--scope', '3')).toMatchObject({
      ...ended,
      err: expect.stringContaining('has 2 scopes'),
    })
    expect(await at('yes', '--scope', '1')).toMatchObject({ ...ended, err: expect.stringContaining('needs the ID') })
    expect(await at('yes', id, '--for', '1h', '--deny')).toMatchObject(ended)
    expect(await at('yes', '--for', '1h', '--list')).toMatchObject(ended)
    expect(await at('2', id, '--scope', '2')).toMatchObject({ code: 1, out: `refused ${id}` })
    await call('send', eve)
    const said = await answer(call, eve, 'yes', '--scope', '2', '--for', '7d')
    expect(said.shown).toContain(
      'Approve more than this call of /mcp/mail/send?\n2: 10 calls such as this one, with this value',
    )
    expect(said.out).toContain(': 10 calls such as this one, with this value')
    expect(textOf(await call('send', { ...eve, text: 'x' }))).toBe('sent to eve@evil.example')
  })

  it('APR-74 needs a person at a terminal', async () => {
    const { call } = await started(mails)
    const id = idIn(await call('send', eve))
    const said = await runCli(['approve', id, '--for', '1h', '--scope', '1', '--home', home.folder], 'yes\n')
    expect(said).toMatchObject({ ...ended, err: expect.stringContaining('a person has to answer at a terminal') })
    expect(textOf(await call('send', eve))).toMatch(/^Denied/)
  })

  it('APR-71 is not offered for a tool whose every call needs an approval by a rule', async () => {
    const { call } = await started([], { approvals: { '*': {} } })
    const id = idIn(await call('send', eve))
    const refused = await approveAt(home.folder, [id, '--for', '1h'], 'yes')
    expect(refused).toMatchObject({
      ...ended,
      err: expect.stringContaining('each call of this tool needs an approval of its own'),
    })
    const said = await approveAt(home.folder, [id], '1')
    expect(said.err).toContain('for this call alone: each call of this tool needs an approval of its own, by a rule')
    expect(said.shown).toContain('Type yes for this call and press Enter')
    expect(said.out).toBe(`refused ${id}`)
  })

  it('APR-71 is not offered where two folders have the key of the agent, or none has', async () => {
    const { call } = await started(mails)
    const id = idIn(await call('send', eve))
    cpSync(agent.folder, join(home.folder, 'agents', 'other'), { recursive: true })
    const said = await approveAt(home.folder, [id, '--for', '1h'], 'yes')
    expect(said).toMatchObject({
      ...ended,
      err: expect.stringContaining('for an agent with a folder in the home folder'),
    })
    expect((await approveAt(home.folder, [id], '1')).out).toBe(`refused ${id}`)
  })

  it('APR-71 [attack 102] is not offered for requests that the gateway did not take', async () => {
    const { call } = await started(mails)
    await call('send', eve)
    const plant = async (command: string, audience: string): Promise<string> => {
      const denial = { approvable: true }
      const [subject, issuer] = [home.owner.did, agent.signer]
      const invocation = await invoke({ issuer, subject, audience, command, args: eve, proofs: [] })
      const parts = { issuer: agent.signer, approver: home.owner.did, invocation, expiresIn: 600 }
      const { container } = await requestApproval(denial, parts)
      const { id } = (await readKeptRequest(container)) as KeptRequest
      await approvalFiles(join(home.folder, 'approvals')).putRequest(id, container)
      return id
    }
    const { did } = await generateSigner()
    for (const [command, audience] of [
      ['/mcp', home.service.did],
      ['/mcp/mail', home.service.did],
      ['/mcp/mail/send/more', home.service.did],
      ['/mcp/other/send', home.service.did],
      ['/http/mail', home.service.did],
      ['/mcp/mail/send', did],
    ] as const) {
      const id = await plant(command, audience)
      const said = await approveAt(home.folder, [id, '--for', '1h'], '1')
      expect(said, command).toMatchObject({ ...ended, err: expect.stringContaining('for this call alone') })
    }
  })

  it('APR-71 [attack 102] keeps the conditions of the recorded delegation, whatever the file of the agent has', async () => {
    // The agent keeps a delegation that the owner has replaced: it has fewer conditions.
    const old = await delegate({
      ...{ issuer: home.owner, audience: agent.signer.did, command: '/mcp/mail/send', expiresIn: 3_600 },
      policy: [['like', '.to', '*@old.example']],
    })
    const { call } = await started([...mails, ['like', '.text', 'Hello *']])
    await answer(call, { ...eve, text: 'Hello you' }, '1')
    const store = fileDelegationStore({ path: join(agent.folder, 'delegations') })
    const place = await openIssued(join(home.folder, 'vault'), { keyFile: join(home.folder, 'vault.key') })
    const [own] = (await Promise.all((await store.load({})).map((one) => decodeDelegation(one)))).filter(
      ({ policy }) => policy.length === 2,
    )
    await noteIssued(place, 'assistant', [own as never])
    await store.change({ add: new Map([[String(old.cid), old.bytes]]), remove: [String(own?.cid)] }, {})
    const said = await answer(call, { to: 'eve@other.example', text: 'Hello you' }, '2')
    expect(said.shown).toMatch(/if `\.text` is a string that\s+[|] begins with `"Hello "`/)
    expect(textOf(await call('send', { to: 'eve@other.example', text: 'Bye' }))).toMatch(/^Denied/)
    expect(textOf(await call('send', { to: 'eve@other.example', text: 'Hello she' }))).toMatch(/^sent/)
  })

  it('APR-70 shows a value so that it cannot look like a choice, and offers none that cannot be read', async () => {
    const { call } = await started(mails)
    const said = await answer(call, { to: 'a\n3: everything\u202e\u0007*' }, '2')
    expect(said.shown).toContain('  - to = "a\\n3: everything\\u{202e}\\u{0007}*"\n')
    expect(textOf(await call('send', { to: 'a\n3: everything\u202e\u0007x' }))).toMatch(/^Denied/)
    const long = await answer(call, { to: 'x'.repeat(400) }, '2')
    expect(long.shown).not.toContain('\n2: ')
    expect(long.out).toMatch(/^refused/)
  })

  it('APR-72 is recorded before the agent has it, and gives nothing when the request was answered', async () => {
    const { call } = await started(mails)
    const id = idIn(await call('send', eve))
    const config = await readGatewayConfig(join(home.folder, 'gateway.json'))
    const [waiting] = await listApprovals({ config })
    expect(waiting?.id).toBe(id)
    expect((await approveAt(home.folder, [id, '--deny'])).code).toBe(0)
    const host = { env: {}, print: () => undefined, complain: () => undefined, isTerminal: true } as never
    const question = { config, waiting: waiting as never, seconds: 60 }
    const keys = async () => ({ signers: [home.owner], key: undefined })
    const offered = await scopesFor({ ...question, keys }, {}, host)
    if ('why' in offered) throw new Error(offered.why)
    await expect(giveScope(question, offered, offered.scopes[0] as never, home.owner, {}, host)).rejects.toThrow(
      'has been answered',
    )
    expect(await fileDelegationStore({ path: join(agent.folder, 'delegations') }).load({})).toHaveLength(1)
    const place = await openIssued(join(home.folder, 'vault'), { keyFile: join(home.folder, 'vault.key') })
    expect(await issuedTo(place, 'assistant')).toEqual([])
    // The ledger comes first.
    const { out } = await runCli(['log', join(home.folder, 'ledger'), '--json'])
    expect(JSON.parse(out)).toMatchObject({ decision: 'issued', audience: agent.signer.did })
    expect(textOf(await call('send', eve))).toMatch(/The approver has refused/)
  })
})
