import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { attenuate } from 'procura'
import { fileDelegationStore } from 'procura/agent/file'
import { openSignerFile } from 'procura/signer/file'
import { decodeDelegation } from 'procura/token'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { makeAgentHome } from '../../gateway/agent-side/connect/agent-home.ts'
import { newClients, textOf } from '../../gateway/agent-side/connect/client.ts'
import { mailServer } from '../../gateway/serve/gateway-home.ts'
import { servedGateways } from '../../gateway/serve/served-gateway.ts'
import { type Machine, newMachine } from '../wrap/set-up.ts'

const program = bundledProcura()
const gateways = servedGateways(program)
const clients = newClients()
let machine: Machine

beforeEach(() => {
  machine = newMachine()
})
afterEach(async () => {
  await clients.end()
  await gateways.end()
  machine.remove()
})

it('holds at a running gateway from the next call of an open session on; the former one is refused, with all below it [WRP-50]', async () => {
  const server = { command: process.execPath, args: [mailServer], env: { MAIL_KEY: 'canary-1' } }
  const config = machine.write('.mcp.json', JSON.stringify({ mcpServers: { mail: server } }))
  const words = ['wrap', config, '--key-file', machine.keyFile, '--policy', 'send: .to like *@example.com']
  expect((await machine.procura(words)).code).toBe(0)
  const agent = join(machine.home, 'agents', 'claude')
  await gateways.serve(machine.home, [], machine.env)
  // A copy of all that the agent has, and a sub-agent.
  const copy = join(machine.home, 'agents', 'copy')
  cpSync(agent, copy, { recursive: true })
  const [bytes] = await fileDelegationStore({ path: join(agent, 'delegations') }).load({})
  const former = await decodeDelegation(bytes as Uint8Array)
  const { signer: issuer } = await openSignerFile({ path: join(agent, 'agent.key') })
  const { did: audience } = (await openSignerFile({ path: join(machine.home, 'service.key') })).signer
  const socket = join(machine.home, 'gateway.sock')
  const below = await makeAgentHome(join(machine.folder, 'below'), { socket }, { audience, subject: former.issuer })
  const passed = await attenuate(former, { issuer, audience: below.signer.did, command: former.command })
  const add = new Map([former, passed].map((one) => [one.cid.toString(), one.bytes]))
  await fileDelegationStore({ path: join(below.folder, 'delegations') }).change({ add, remove: [] }, {})

  const [session, copied, subAgent] = [
    await clients.open(agent),
    await clients.open(copy),
    await clients.open(below.folder),
  ]
  const send = async (client: typeof session, to: string): Promise<string> => textOf(await client.call('send', { to }))
  for (const one of [session, copied, subAgent]) expect(await send(one, 'ann@example.com')).toContain('sent to')

  const whose = ['--agent', 'claude']
  const { code, err } = await machine.procura(['policy', 'mail', '--policy', 'send: .to == bob@example.com', ...whose])
  expect([code, err]).toEqual([0, expect.stringContaining('has accepted the revocation')])
  expect(await send(session, 'bob@example.com')).toContain('sent to bob')
  expect(await send(session, 'ann@example.com')).toContain('Denied (policy_unsatisfied)')
  for (const one of [copied, subAgent]) {
    expect(await send(one, 'bob@example.com')).toContain('Denied (revoked)')
    expect(await send(one, 'ann@example.com')).toContain('Denied (revoked)')
  }
  expect(textOf(await session.call('slow'))).toContain('Denied')
  expect((await machine.procura(['allow', 'mail/variables', ...whose])).code).toBe(0)
  expect(textOf(await session.call('variables'))).not.toContain('Denied')
}, 120_000)
