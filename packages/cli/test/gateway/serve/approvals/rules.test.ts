import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSignerFile } from 'procura/signer/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkOwnerKey } from '../../../../src/cli/doctor/check-owner-key.ts'
import { readGatewayConfig } from '../../../../src/gateway/configuration/read-gateway-config.ts'
import { runCli } from '../../../cli/run-cli.ts'
import { type Machine, newMachine } from '../../../cli/wrap/set-up.ts'
import type { AgentHome } from '../../agent-side/connect/agent-home.ts'
import { type Answer, connectClient, type LineClient } from '../../agent-side/connect/client.ts'
import { callsIn, type GatewayHome, makeGatewayHome } from '../gateway-home.ts'
import { approveAt } from './approver.ts'

let home: GatewayHome
let agent: AgentHome
let clients: LineClient[]

beforeEach(async () => {
  clients = []
  home = await makeGatewayHome()
  agent = await home.agent('assistant')
})
afterEach(async () => {
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
const bob = { to: 'bob@example.com' }

/** Puts rules into the configuration of the server `mail`. */
function rules(approvals: object, more: object = {}): void {
  home.configure((config) => {
    Object.assign((config as { servers: { mail: object } }).servers.mail, { approvals })
    Object.assign(config, more)
  })
}

describe('a tool whose every call needs an approval', () => {
  it('APR-90 is listed, and refused without an approval although it is delegated', async () => {
    rules({ send: {} })
    await agent.give(home.owner, '/mcp/mail', [])
    await home.open()
    const { call, ask } = await client()
    expect((await ask('tools/list')).result?.tools?.map(({ name }) => name)).toContain('send')
    expect(textOf(await call('variables'))).toMatch(/PATH/)
    const refused = await call('send', bob)
    expect(textOf(refused)).toMatch(/needs approvals by 1 of 1 approvers.*procura approve/)
    await approveAt(home.folder, [idIn(refused)])
    expect(textOf(await call('send', bob))).toBe('sent to bob@example.com')
    expect(textOf(await call('send', bob))).toMatch(/needs approvals/)
  })

  it('APR-86 uses the chain of the agent, so that its limit counts', async () => {
    rules({ '*': {} })
    await agent.give(home.owner, '/mcp/mail', [['limit/uses', 1]])
    await home.open()
    const { call } = await client()
    await approveAt(home.folder, [idIn(await call('send', bob))])
    expect(textOf(await call('send', bob))).toBe('sent to bob@example.com')
    const refused = await call('send', { to: 'carl@example.com' })
    await approveAt(home.folder, [idIn(refused)])
    expect(textOf(await call('send', { to: 'carl@example.com' }))).toMatch(/limit_exhausted/)
    expect(callsIn(home.folder)).toHaveLength(1)
  })

  it('APR-60 APR-93 needs the approvals of two people, of whom one was enrolled', async () => {
    const path = join(home.folder, 'ann.key')
    const { signer: ann } = await createSignerFile({ path })
    expect((await runCli(['approve', '--enroll', ann.did, '--home', home.folder])).code).toBe(2)
    const enrolled = await approveAt(home.folder, ['--enroll', ann.did, '--expires-in', '8h', '--json'])
    expect(JSON.parse(enrolled.out)).toMatchObject({ approver: ann.did, command: '/mcp' })
    const written = JSON.parse(readFileSync(join(home.folder, 'gateway.json'), 'utf8'))
    expect(written.approvals).toEqual({ approvers: [ann.did] })
    rules({ send: { threshold: 2 } }, { approvals: written.approvals })
    await agent.give(home.owner, '/mcp/mail', [])
    await home.open()
    const { call } = await client()
    const refused = await call('send', bob)
    expect(textOf(refused)).toMatch(/Approvals by 2 of 2 approvers are requested/)
    const ids = [...textOf(refused).matchAll(/procura approve ([a-z2-7]{16})/g)].map(([, id]) => id as string)
    expect(ids).toHaveLength(2)
    expect(await approveAt(home.folder, [])).toMatchObject({ code: 0 })
    expect(textOf(await call('send', bob))).toMatch(/needs approvals by 2 of 2/)
    expect(await approveAt(home.folder, ['--from', path])).toMatchObject({ code: 0 })
    expect(textOf(await call('send', bob))).toBe('sent to bob@example.com')
    expect(callsIn(home.folder)).toHaveLength(1)
  })

  it('APR-93 the approver can approve a call that is not delegated, and an agent cannot be one', async () => {
    const path = join(home.folder, 'ann.key')
    const { signer: ann } = await createSignerFile({ path })
    await approveAt(home.folder, ['--enroll', ann.did])
    const own = await approveAt(home.folder, ['--enroll', agent.signer.did])
    expect(own).toMatchObject({
      code: 2,
      err: expect.stringContaining('is agent assistant, which cannot be an approver'),
    })
    const other = await approveAt(home.folder, [
      '--enroll',
      'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp',
      '--from',
      path,
    ])
    expect(other.err).toContain('which is not a subject of the gateway')
    await home.open()
    const { call } = await client()
    await call('send', bob)
    expect(await approveAt(home.folder, ['--from', path])).toMatchObject({ code: 0 })
    expect(textOf(await call('send', bob))).toBe('sent to bob@example.com')
  })

  it('APR-90 with a misspelt name makes the tools unusable', async () => {
    rules({ sned: {} })
    await agent.give(home.owner, '/mcp/mail', [])
    await home.open()
    const { call } = await client()
    expect(textOf(await call('send', bob))).toMatch(/^Denied/)
    expect(home.events.find(({ event }) => event === 'tool_unusable')?.message).toContain(
      '`approvals` names the tool `sned`, which is not an accepted tool',
    )
  })

  it('APR-90 is configured with approvers who can reach the threshold', async () => {
    const faultOf = async (): Promise<string> =>
      readGatewayConfig(join(home.folder, 'gateway.json')).then(
        () => '',
        (error: Error) => error.message,
      )
    rules({ send: { threshold: 2 } })
    expect(await faultOf()).toMatch(/needs 2 approvals and has 1 approvers; add approvers/)
    rules({ send: { threshold: 0 } })
    expect(await faultOf()).toMatch(/must be an integer from 1 to 16/)
    rules({ send: { threshold: 2, approvers: [home.owner.did, home.owner.did] } })
    expect(await faultOf()).toMatch(/needs 2 approvals and has 1 approvers/)
    rules({ send: {} }, { subjects: [home.owner.did, agent.signer.did] })
    expect(await faultOf()).toMatch(/must have `approvers`, because the gateway has several subjects/)
    rules({ send: { approvers: [home.owner.did] } })
    expect(await faultOf()).toBe('')
  })
})

describe('the arrangement of a user', () => {
  let machine: Machine
  beforeEach(() => {
    machine = newMachine()
  })
  afterEach(() => machine.remove())

  it('APR-91 has the rules that `procura wrap --approve` wrote', async () => {
    const path = machine.write(
      '.mcp.json',
      JSON.stringify({ mcpServers: { mail: { command: 'node', args: ['a.mjs'] } } }),
    )
    const words = [
      'wrap',
      path,
      '--key-file',
      join(machine.folder, 'vault.key'),
      '--approve',
      'send',
      '--approve',
      'mail/delete',
    ]
    const { code, err } = await machine.procura(words)
    expect(code, err).toBe(0)
    expect(err).toContain('each call of the tool send of mail needs an approval')
    const { servers } = JSON.parse(readFileSync(join(machine.home, 'gateway.json'), 'utf8'))
    expect(servers.mail.approvals).toEqual({ send: {}, delete: {} })
    expect((await machine.procura(['wrap', path, '--approve', 'other/x'])).code).not.toBe(0)
  })

  it('APR-92 is reported when the key of the owner opens without a person', async () => {
    const check = (folder: string, keyFile?: string): ReturnType<typeof checkOwnerKey> => {
      const { keys } = JSON.parse(readFileSync(join(folder, 'owner.key'), 'utf8'))
      const vault = { file: 'vault', ...(keyFile !== undefined && { keyFile }) }
      return checkOwnerKey(folder, { subjects: [keys[0].did], vault }, undefined)
    }
    expect(await check(home.folder)).toMatchObject([{ fault: expect.stringContaining('not encrypted'), note: true }])
    await createSignerFile({
      path: join(machine.folder, 'owner.key'),
      key: { passphrase: 'correct horse' },
      scryptCost: 16_384,
    })
    expect(await check(machine.folder)).toEqual([])
    expect(await check(machine.folder, '/home/ada/vault.key')).toMatchObject([
      { fault: expect.stringMatching(/^opens with \/home\/ada\/vault\.key/), note: true },
    ])
    expect(
      await checkOwnerKey(join(machine.folder, 'nothing'), { subjects: [], vault: { file: 'vault' } }, undefined),
    ).toEqual([])
  })
})
