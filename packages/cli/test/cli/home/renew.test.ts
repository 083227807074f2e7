import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Delegation, delegate } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { describeSignerFile, openSignerFile } from 'procura/signer/file'
import { decodeDelegation } from 'procura/token'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { issuedTo, noteIssued, openIssued } from '../../../src/cli/home/issued.ts'
import { newClients, textOf } from '../../gateway/agent-side/connect/client.ts'
import { mailServer } from '../../gateway/serve/gateway-home.ts'
import { servedGateways } from '../../gateway/serve/served-gateway.ts'
import type { CliResult } from '../run-cli.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

const program = bundledProcura()
const gateways = servedGateways(program)
const clients = newClients()
const day = 86_400
let machine: Machine
let path: string

beforeEach(() => {
  machine = newMachine()
  const mail = { command: process.execPath, args: [mailServer], env: { MAIL_KEY: 'canary-of-mail' } }
  path = machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail } }))
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(async () => {
  vi.useRealTimers()
  await clients.end()
  await gateways.end()
  machine.remove()
})

/** Moves the clock by days. */
function wait(days: number): void {
  vi.setSystemTime(Date.now() + days * day * 1_000)
}

async function done(...words: readonly string[]): Promise<CliResult> {
  const result = await machine.procura([...words, '--key-file', machine.keyFile], { typed: ['a token'] })
  expect(result.code, `${words.join(' ')}\n${result.err}`).toBe(0)
  return result
}

function renew(...words: readonly string[]): Promise<CliResult> {
  return machine.procura(['renew', ...words, '--key-file', machine.keyFile])
}

const wrap = (...words: readonly string[]): Promise<CliResult> => done('wrap', path, ...words)

const store = (agent = 'claude'): ReturnType<typeof fileDelegationStore> =>
  fileDelegationStore({ path: join(machine.home, 'agents', agent, 'delegations') })

/** The delegations in the file of an agent. */
async function inFile(agent = 'claude'): Promise<readonly Delegation[]> {
  return Promise.all((await store(agent).load({})).map((bytes) => decodeDelegation(bytes)))
}

/** Puts copies into the file of an agent, as the agent can. */
async function put(...copies: readonly Delegation[]): Promise<void> {
  await store().change({ add: new Map(copies.map((one) => [String(one.cid), one.bytes])), remove: [] }, {})
}

const termsOf = (all: readonly Delegation[]): unknown => all.map(({ command, policy }) => ({ command, policy }))

/** The days until the ends of the delegations of an agent. */
async function lengths(agent?: string): Promise<readonly number[]> {
  return (await inFile(agent)).map(({ expiration }) => Math.round((Number(expiration) - Date.now() / 1_000) / day))
}

const onRecord = async (): Promise<readonly Delegation[]> =>
  issuedTo(await openIssued(join(machine.home, 'vault'), { keyFile: machine.keyFile }), 'claude')

describe('procura renew', () => {
  it('issues the same again on day 24, for as long as at first, and the agent has it alone [WRP-58]', async () => {
    await wrap('--policy', 'send: .to like *@example.com', '--tools', 'read', '--expires-in', '10d')
    await done(
      'api',
      'add',
      'crm',
      'https://api.example.com',
      '--bearer',
      '--agent',
      'other',
      '--policy',
      '.method == GET',
    )
    const before = await inFile()
    wait(4)
    const { code, out, err } = await renew()
    expect(code, err).toBe(0)
    expect(out).toMatch(/^renewed until 20\S+: the agent claude may call the tool send of mail, if\n {2} *`.to` is/m)
    expect(out).toMatch(/^renewed until 20\S+: the agent other may send requests to the API crm, if/m)
    expect(err).toContain('an agent in a session uses them with its next call')
    expect(termsOf(await inFile())).toEqual(expect.arrayContaining(termsOf(before) as unknown[]))
    expect(await lengths()).toEqual([10, 10])
    expect(await lengths('other')).toEqual([30])
    expect((await inFile()).every((one) => !before.some((old) => String(old.cid) === String(one.cid)))).toBe(true)
    // The former ones can be revoked, as the agent may have kept a copy.
    expect((await onRecord()).length).toBe(4)
    // Nothing has to be renewed twice.
    const again = await renew()
    expect(again.code).toBe(0)
    expect(again.out).toBe('')
    expect(again.err).toMatch(/the delegation of the agent other for \/http\/crm ends 20\S+; nothing to renew/)
    expect((await inFile()).length).toBe(2)
    wait(1)
    expect((await renew('claude', '--expires-in', '60d')).code).toBe(0)
    expect(await lengths()).toEqual([60, 60])
    // A shorter time shortens nothing.
    expect((await renew('claude', '--expires-in', '1h')).code).toBe(0)
    expect(await lengths()).toEqual([60, 60])
  }, 60_000)

  it('renews no approval with a scope, which ends when the person said so [WRP-58]', async () => {
    await wrap('--policy', 'send: .to == bob')
    const [before] = (await inFile()) as [Delegation]
    const { signer: issuer } = await openSignerFile({
      path: join(machine.home, 'owner.key'),
      key: { keyFile: machine.keyFile },
    })
    const expiration = Math.floor(Date.now() / 1_000) + 3_600
    const { audience, command } = before
    const meta = { approval: 'a request' }
    const scoped = await delegate({ issuer, audience, command, policy: [], expiration, meta })
    const place = await openIssued(join(machine.home, 'vault'), { keyFile: machine.keyFile })
    await noteIssued(place, 'claude', [scoped])
    await put(scoped)
    wait(25)
    const { code, err } = await renew('claude')
    expect([code, err]).toEqual([0, expect.not.stringContaining('cannot be renewed')])
    const wide = [...(await inFile()), ...(await onRecord())].filter(({ policy }) => policy.length === 0)
    expect(new Set(wide.map(({ expiration: end }) => end))).toEqual(new Set([expiration]))
  })

  it('works on day 31 and 119, and not on day 130 [WRP-58]', async () => {
    await wrap('--policy', 'send: .to == bob')
    const before = await inFile()
    wait(31)
    expect((await machine.procura(['doctor', '--key-file', machine.keyFile])).out).toMatch(
      /FAULT\tdelegations\t.*expired.*; run `procura renew claude`/,
    )
    expect((await renew('claude')).code).toBe(0)
    expect([termsOf(await inFile()), await lengths()]).toEqual([termsOf(before), [30]])
    wait(119)
    expect((await renew()).code).toBe(0)
    expect([termsOf(await inFile()), await lengths()]).toEqual([termsOf(before), [30]])
    wait(130)
    const { code, err } = await renew('claude')
    expect([code, await lengths()]).toEqual([1, [-100]])
    expect(err).toContain('the agent claude has no delegation that can be renewed')
    expect((await renew('nobody')).err).toContain('`procura agent list` lists the agents')
  }, 60_000)

  it('never gives back what was revoked or replaced, although the agent has a copy [WRP-57]', async () => {
    await wrap()
    const [broad] = await inFile()
    await done('unwrap', path, '--keep-delegations')
    await put(broad as Delegation)
    expect((await renew()).code).toBe(1)
    await wrap('--policy', 'send: .to == bob')
    await put(broad as Delegation)
    wait(25)
    expect((await renew()).code).toBe(0)
    expect((await inFile()).map(({ command }) => command)).toEqual(['/mcp/mail/send'])
    const narrow = await inFile()
    await machine.procura(['revoke', '--agent', 'claude', '--key-file', machine.keyFile])
    await put(broad as Delegation, ...narrow)
    for (const days of [0, 31]) {
      wait(days)
      expect((await renew('claude')).code).toBe(1)
      expect((await inFile()).length).toBe(2)
    }
  }, 60_000)

  it('never gives back what was revoked after its end came, nor an earlier one that says the same [WRP-57]', async () => {
    await wrap('--policy', 'send: .to == bob')
    const first = await inFile()
    wait(25)
    expect((await renew()).code).toBe(0)
    // The former one has ended, and the present one is revoked by its CID.
    wait(10)
    const [present] = await inFile()
    const cid = ['--delegation', String(present?.cid)]
    await machine.procura(['revoke', '--agent', 'claude', ...cid, '--key-file', machine.keyFile])
    await put(present as Delegation, ...first)
    expect((await renew('claude')).code).toBe(1)
  }, 60_000)

  it('asks the gateway what was revoked by other ways, while it runs, when it is down, and after the end [WRP-57] [GTW-97]', async () => {
    vi.setSystemTime(Date.now() - 29 * day * 1_000)
    await wrap('--tools', 'send', '--tools', 'read')
    await done('api', 'add', 'crm', 'https://api.example.com', '--bearer', '--agent', 'claude')
    vi.setSystemTime(Date.now() + 29 * day * 1_000)
    const [send] = (await inFile()).filter(({ command }) => String(command) === '/mcp/mail/send')
    const owner = ['--from', join(machine.home, 'owner.key'), '--key-file', machine.keyFile]
    const file = join(machine.home, 'agents', 'claude', 'delegations')
    const revoke = (): Promise<CliResult> =>
      machine.procura(['revoke', file, ...owner, '--delegation', String(send?.cid)])
    const names = async (): Promise<readonly string[]> => (await inFile()).map(({ command }) => command).sort()
    const commands = ['/http/crm', '/mcp/mail/read', '/mcp/mail/send']
    // It waits for the gateway.
    expect((await revoke()).err).toContain('takes the revocation when it starts')
    const { child, exit } = await gateways.serve(machine.home)
    await vi.waitFor(async () => expect((await machine.procura(['status'])).out).toContain('the gateway runs'))
    expect((await renew()).code).toBe(0)
    const ends = async (): Promise<readonly (readonly unknown[])[]> =>
      (await inFile()).map(({ command, expiration }) => [command, Number(expiration) > Date.now() / 1_000 + 20 * day])
    const expected = commands.map((one) => [one, one !== '/mcp/mail/send'])
    expect((await ends()).toSorted()).toEqual(expected)
    child.kill('SIGTERM')
    await exit
    // Its state knows it, also after the end of the delegation.
    for (const days of [0, 40, 40]) {
      wait(days)
      await renew()
      expect((await ends()).filter(([, isLong]) => isLong).toSorted()).toEqual(expected.filter(([, isLong]) => isLong))
    }
    expect(await names()).toEqual(commands)
  }, 120_000)

  it('issues for the new key of an agent, and revokes what is to the former one [WRP-59]', async () => {
    await wrap('--policy', 'send: .to == bob')
    const before = await inFile()
    const key = join(machine.home, 'agents', 'claude', 'agent.key')
    expect((await machine.procura(['key', 'rotate', key])).code).toBe(0)
    const { findings } = JSON.parse((await machine.procura(['doctor', '--json', '--key-file', machine.keyFile])).out)
    expect(JSON.stringify(findings)).toContain('run `procura renew claude`')
    const { code, err } = await renew('claude')
    expect(code, err).toBe(0)
    expect(err).toContain('revoked 1 delegation to the former key of the agent claude')
    const { keys } = await describeSignerFile({ path: key })
    const after = await inFile()
    expect(termsOf(after)).toEqual(termsOf(before))
    expect(after.map(({ audience }) => audience)).toEqual([keys[0]?.did])
    // The gateway takes the revocation when it starts; until then it stays on record.
    expect((await onRecord()).length).toBe(2)
    expect((await renew('claude')).code).toBe(0)
    expect(await inFile()).toHaveLength(1)
  }, 60_000)

  it('refuses a key file with the DID of another agent [WRP-59]', async () => {
    await wrap()
    await done('api', 'add', 'crm', 'https://api.example.com', '--bearer', '--agent', 'other')
    const keyOf = (name: string): string => join(machine.home, 'agents', name, 'agent.key')
    writeFileSync(keyOf('claude'), readFileSync(keyOf('other')))
    const before = await inFile()
    const { code, err } = await renew('claude')
    expect([code, err]).toEqual([1, expect.stringContaining('its key file has the DID of another agent')])
    expect(await inFile()).toEqual(before)
  }, 60_000)

  it('gives the tools of an ended delegation back to a running session, at a gateway that runs [WRP-58]', async () => {
    vi.setSystemTime(Date.now() - 31 * day * 1_000)
    await wrap('--policy', 'send: .to == bob')
    vi.setSystemTime(Date.now() + 31 * day * 1_000)
    await gateways.serve(machine.home)
    const client = clients.connect(join(machine.home, 'agents', 'claude'))
    const { instructions } = (await client.initialize()).result as { readonly instructions?: string }
    expect(instructions).toContain('Ask the user to run `procura renew claude')
    expect((await client.ask('tools/list')).result?.tools).toEqual([])
    expect(textOf(await client.call('send', { to: 'bob' }))).toContain('Denied')
    expect((await renew()).code).toBe(0)
    expect(textOf(await client.call('send', { to: 'bob' }))).toContain('sent to bob')
    expect(textOf(await client.call('send', { to: 'eve' }))).toContain('Denied (policy_unsatisfied)')
    expect((await client.ask('tools/list')).result?.tools?.map(({ name }) => name)).toEqual(['send'])
  }, 120_000)
})
