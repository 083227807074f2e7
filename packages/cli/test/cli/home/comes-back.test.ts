import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Delegation, delegate } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { verifyDelegation } from 'procura/authorization'
import { openSignerFile } from 'procura/signer/file'
import { decodeDelegation } from 'procura/token'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openGateway, readGatewayConfig } from '../../../src/index.ts'
import type { CliResult } from '../run-cli.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

const day = 86_400
const mail = JSON.stringify({
  mcpServers: { mail: { command: 'node', args: ['/abs/mail.js'], env: { MAIL_KEY: 'canary-1' }, cwd: '/x' } },
})
let machine: Machine
let first: string
let second: string

beforeEach(() => {
  machine = newMachine()
  first = machine.write('a/.mcp.json', mail)
  second = machine.write('b/.mcp.json', mail)
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
  machine.remove()
})

const verb = (...words: readonly string[]): Promise<CliResult> =>
  machine.procura([...words, '--key-file', machine.keyFile])

async function done(...words: readonly string[]): Promise<CliResult> {
  const result = await verb(...words)
  expect(result.code, `${words.join(' ')}\n${result.err}`).toBe(0)
  return result
}

const file = (): string => join(machine.home, 'agents', 'claude', 'delegations')

async function inFile(): Promise<readonly Delegation[]> {
  return Promise.all((await fileDelegationStore({ path: file() }).load({})).map((bytes) => decodeDelegation(bytes)))
}

/** Puts copies into the file of the agent, as the agent can. */
async function put(...copies: readonly Delegation[]): Promise<void> {
  const add = new Map(copies.map((one) => [String(one.cid), one.bytes]))
  await fileDelegationStore({ path: file() }).change({ add, remove: [] }, {})
}

const wait = (days: number): unknown => vi.setSystemTime(Date.now() + days * day * 1_000)

/** What the agent holds, each as its command and its policy. */
async function words(): Promise<readonly string[]> {
  return (await inFile()).map(({ command, policy }) => `${command} ${JSON.stringify(policy)}`).toSorted()
}

/** Lets a gateway take the revocations that wait. */
async function takeRevocations(): Promise<void> {
  const config = await readGatewayConfig(join(machine.home, 'gateway.json'))
  const gateway = await openGateway({ config, onEvent: () => undefined })
  await gateway.close()
}

describe('what an agent puts into its file', () => {
  it('is not signed by the owner after `wrap`, `unwrap` and `renew` [WRP-38] [WRP-57]', async () => {
    await done('wrap', first, '--tools', 'read')
    const [own] = (await inFile()) as [Delegation]
    const { signer: issuer } = await openSignerFile({
      path: join(machine.home, 'owner.key'),
      key: { keyFile: machine.keyFile },
    })
    const all = await delegate({ issuer, audience: own.audience, command: '/mcp/mail', expiresIn: 90 * day })
    // Anybody can write these bytes, with the DID of the owner: the signature is wrong.
    const bytes = Uint8Array.from(all.bytes)
    bytes[20] = (bytes[20] as number) ^ 1
    const forged = await decodeDelegation(bytes)
    expect((await verifyDelegation([forged])).verified).toBe(false)
    await put(forged)
    await done('wrap', second, '--tools', 'read', '--tools', 'list')
    await verb('unwrap', second)
    // Longer than each of them is valid, so that each is signed again.
    await verb('renew', 'claude', '--expires-in', '200d')
    const signed: string[] = []
    for (const one of await inFile()) if ((await verifyDelegation([one])).verified) signed.push(one.command)
    expect(signed).toEqual(['/mcp/mail/read'])
  })

  it('is not signed again by `policy` after it was replaced [WRP-51] [WRP-57]', async () => {
    await done('wrap', first)
    const [wide] = (await inFile()) as [Delegation]
    await done('wrap', second, '--tools', 'send')
    await put(wide)
    await verb('policy', 'mail', '--policy', '*: .to == bob')
    expect(await words()).toEqual(['/mcp/mail/send [["==",".to","bob"]]'])
  })

  it('is not signed again by `policy` after it was revoked [WRP-51] [WRP-57]', async () => {
    await done('wrap', first)
    const [wide] = (await inFile()) as [Delegation]
    await done('revoke', '--agent', 'claude')
    await put(wide)
    await verb('policy', 'mail', '--policy', '*: .to == bob')
    expect((await inFile()).filter(({ policy }) => policy.length > 0)).toEqual([])
  })

  it('is not limited to what it was by `wrap` after its end, when the agent removes it [WRP-38]', async () => {
    await done('wrap', first, '--policy', 'send: .to == bob')
    wait(31)
    const [narrow] = (await inFile()) as [Delegation]
    await fileDelegationStore({ path: file() }).change({ add: new Map(), remove: [String(narrow.cid)] }, {})
    const { code, err } = await verb('wrap', second)
    expect([code, err]).toEqual([2, expect.stringContaining('had a limited delegation for mail')])
    expect(await words()).toEqual([])
  })
})

describe('`unwrap` of a second configuration', () => {
  it('gives nothing back where `policy` has changed one of the tools since [WRP-38]', async () => {
    await done('wrap', first, '--tools', 'read', '--tools', 'send')
    await done('wrap', second, '--policy', '*: .to like *@example.com', '--tools', 'read', '--tools', 'send')
    await done('policy', 'mail', '--policy', 'read: .to == bob')
    await verb('unwrap', second)
    expect(await words()).not.toContain('/mcp/mail/read []')
  })

  it('gives nothing back that was revoked, which `key rotate` would sign again [WRP-44] [WRP-57]', async () => {
    await done('wrap', first)
    await done('wrap', second, '--tools', 'read')
    const narrow = await inFile()
    await done('revoke', '--agent', 'claude')
    await takeRevocations()
    await put(...narrow)
    await verb('unwrap', second)
    expect(await words()).not.toContain('/mcp/mail []')
    await done('key', 'rotate', join(machine.home, 'owner.key'))
    expect(await words()).toEqual([])
  })
})

describe('a delegation that was revoked by its file', () => {
  it('is not signed again by `key rotate` and `policy` [WRP-44] [WRP-51]', async () => {
    await done('wrap', first)
    const owner = join(machine.home, 'owner.key')
    const [one] = (await inFile()) as [Delegation]
    await done('revoke', file(), '--from', owner, '--delegation', String(one.cid))
    await takeRevocations()
    await verb('policy', 'mail', '--policy', '*: .to == bob')
    expect(await words()).not.toContain('/mcp/mail [["==",".to","bob"]]')
    await done('key', 'rotate', owner)
    expect(await words()).toEqual([])
  })
})

describe('a change that was interrupted', () => {
  it('ends the former delegation although the agent has damaged its file [WRP-50]', async () => {
    await done('wrap', first)
    const [wide] = (await inFile()) as [Delegation]
    const { beginExchange, openIssued } = await import('../../../src/cli/home/issued.ts')
    const { signer: issuer } = await openSignerFile({
      path: join(machine.home, 'owner.key'),
      key: { keyFile: machine.keyFile },
    })
    const { audience } = wide
    const made = await delegate({ issuer, audience, command: '/mcp/mail/send', expiresIn: day })
    const place = await openIssued(join(machine.home, 'vault'), { keyFile: machine.keyFile })
    await beginExchange(place, 'claude', { ended: [wide], made: [made] })
    const before = readFileSync(file())
    writeFileSync(file(), 'damaged')
    await verb('renew')
    const { waitingRevocations } = await import('../../../src/cli/home/revoked-delegations.ts')
    expect([...(await waitingRevocations(machine.home))]).toEqual([String(wide.cid)])
    // The agent gets the new one when its file is whole again.
    writeFileSync(file(), before)
    await verb('renew')
    expect(await words()).toEqual(['/mcp/mail/send []'])
  })
})

describe('a configuration that was moved', () => {
  it('ends the authority of its servers, although a kill left its former index [WRP-19] [WRP-42]', async () => {
    await done('wrap', first)
    const folder = join(machine.home, 'wrapped')
    const [index = ''] = readdirSync(folder)
    const text = readFileSync(join(folder, index))
    const third = join(machine.folder, 'c', '.mcp.json')
    mkdirSync(join(third, '..'))
    renameSync(first, third)
    await done('wrap', third)
    // Killed right before it removed the index: its record is gone.
    writeFileSync(join(folder, index), text, { mode: 0o600 })
    await done('unwrap', third)
    expect(await words()).toEqual([])
    expect(JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8')).servers).toEqual({})
  })
})
