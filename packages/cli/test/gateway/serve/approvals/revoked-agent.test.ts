import { readdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Delegation, encodeContainer, invoke, type Signer } from 'procura'
import { requestApproval } from 'procura/approval'
import { revoke } from 'procura/revocation'
import { createSignerFile } from 'procura/signer/file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../../../../test/support/until.ts'
import { askGateway } from '../../../../src/cli/gateway/ask-gateway.ts'
import { createRevocationTaker, revocationLimiter } from '../../../../src/gateway/serve/take-revocations.ts'
import { runCli } from '../../../cli/run-cli.ts'
import { type AgentHome, makeAgentHome } from '../../agent-side/connect/agent-home.ts'
import { newClients, textOf } from '../../agent-side/connect/client.ts'
import { type GatewayHome, makeGatewayHome } from '../gateway-home.ts'

let home: GatewayHome
let owner: Signer
let agent: AgentHome
const clients = newClients()

beforeEach(async () => {
  home = await makeGatewayHome()
  // The key of the owner as `procura wrap` makes it.
  rmSync(join(home.folder, 'owner.key'))
  const key = { keyFile: join(home.folder, 'vault.key') }
  owner = (await createSignerFile({ path: join(home.folder, 'owner.key'), key })).signer
  home.configure((config) => void Object.assign(config, { subjects: [owner.did] }))
  agent = await agentNamed('assistant')
})

afterEach(async () => {
  await clients.end()
  await home.remove()
})

const place = (): { readonly socket: string } => ({ socket: join(home.folder, 'gateway.sock') })
const agentNamed = (name: string): Promise<AgentHome> =>
  makeAgentHome(join(home.folder, 'agents', name), place(), { audience: home.service.did, subject: owner.did })
const limited = [['like', '.to', '*@example.com']]
const revokeAgent = async (name = 'assistant'): Promise<void> => {
  const { code, err } = await runCli(['revoke', '--agent', name, '--home', home.folder])
  expect([code, err]).toEqual([0, expect.stringContaining('has accepted the revocation')])
}
const waiting = (): number =>
  readdirSync(join(home.folder, 'approvals')).filter((name) => name.endsWith('.request')).length
const isRequested = /An approval is requested/

/** The proof of a delegation, as `procura connect` makes it. */
const proofOf =
  (signer: Signer, chain: readonly Delegation[]) =>
  async (challenge: string): Promise<object> => {
    const args = { server: 'mail', challenge }
    const call = { issuer: signer, subject: signer.did, audience: home.service.did, command: '/gateway/connect', args }
    return { invocation: encodeContainer([await invoke(call)]), chain: encodeContainer(chain) }
  }

describe('an agent whose delegation an owner has revoked', () => {
  it('loses the requests that wait for its command, while those of other agents stay [APR-96]', async () => {
    await home.open()
    const other = await agentNamed('other')
    for (const one of [agent, other]) await one.give(owner, '/mcp/mail/send', limited)
    const [mail, second] = [await clients.open(agent.folder), await clients.open(other.folder)]
    for (const { call } of [mail, second]) expect(textOf(await call('send', { to: 'a@b.test' }))).toMatch(isRequested)
    expect(waiting()).toBe(2)
    await revokeAgent()
    await until(() => waiting() === 1, 20)
    expect(textOf(await second.call('send', { to: 'c@b.test' }))).toMatch(isRequested)
    expect(waiting()).toBe(2)
  }, 60_000)
})

describe('a revocation', () => {
  it('is answered when the requests of the agent are removed [APR-96]', async () => {
    let done: () => void = () => undefined
    const noted: unknown[] = []
    let onRevoked = (...of: readonly string[]): Promise<void> => {
      noted.push(of)
      return new Promise<void>((resolve) => (done = resolve))
    }
    const accepted = { accepted: true, revoked: 'x', recorded: true } as never
    const errors: unknown[] = []
    const take = createRevocationTaker({
      ...{ revoke: async () => accepted, subjects: [owner.did], limiter: revocationLimiter() },
      ...{ onRevoked: (...of) => onRevoked(...of), onError: (error) => void errors.push(error) },
    })
    const given = await agent.give(owner, '/mcp/mail', limited)
    const sent = encodeContainer([await revoke({ issuer: owner, delegation: given }), given])
    let answer: unknown
    const taken = take(sent).then((result) => (answer = result))
    await until(() => noted.length === 1)
    await new Promise(setImmediate)
    expect([answer, noted]).toEqual([undefined, [[agent.signer.did, '/mcp/mail']]])
    done()
    expect(await taken).toBe(accepted)
    // The revocation applies also when a part of the rest fails, which is reported.
    onRevoked = () => Promise.reject(new Error('disk full'))
    expect([await take(sent), errors.map(String)]).toEqual([accepted, ['Error: disk full']])
  })

  it('counts for a request whose connection began with the revoked delegation, also over TCP [APR-96] [attack 102]', async () => {
    home.configure((config) => void Object.assign(config, { listen: { address: '127.0.0.1:0' } }))
    const address = (await home.open()).place
    const given = await agent.give(owner, '/mcp/mail/send', limited)
    const call = { issuer: agent.signer, subject: owner.did, audience: home.service.did, command: '/mcp/mail/send' }
    async function open() {
      const [host = '', port] = address.split(':')
      const socket = connect({ host, port: Number(port) }).on('error', () => undefined)
      const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
      const next = async (): Promise<Record<string, string>> => JSON.parse((await lines.next()).value as string)
      const say = (line: object): void => void socket.write(`${JSON.stringify({ procura: 1, ...line })}\n`)
      say({ approvals: { command: call.command, subject: owner.did } })
      say(await proofOf(agent.signer, [given])((await next())['challenge'] ?? ''))
      expect(await next()).toMatchObject({ threshold: 1 })
      return async (to: string): Promise<object> => {
        const invocation = await invoke({ ...call, args: { to } })
        const parties = { issuer: agent.signer, approver: owner.did, invocation }
        const { container } = await requestApproval({ approvable: true }, parties)
        socket.write(`${JSON.stringify({ requests: [container], wait: 0 })}\n`)
        const answer = await next()
        socket.destroy()
        return answer
      }
    }
    const [before, after] = [await open(), await open()]
    expect(await before('a@b.test')).toHaveProperty('waiting')
    const revocation = encodeContainer([await revoke({ issuer: owner, delegation: given }), given])
    expect(await askGateway({ address }, { procura: 1, revoke: revocation })).toHaveProperty('answer.revoked')
    expect(waiting()).toBe(0)
    expect(await after('b@b.test')).toMatchObject({
      error: {
        code: 'approval_refused',
        message: expect.stringMatching(/^the delegation that this agent has proved was revoked/),
      },
    })
    expect(waiting()).toBe(0)
  })
})

describe('an agent that asks again and again', () => {
  it('has one request for a call, and at most 32 [APR-82] [APR-97]', async () => {
    await home.open()
    await agent.give(owner, '/mcp/mail/send', limited)
    const mail = await clients.open(agent.folder)
    for (let count = 0; count < 5; count++)
      expect(textOf(await mail.call('send', { to: 'a@b.test' }))).toMatch(isRequested)
    expect(waiting()).toBe(1)
    for (let count = 0; count < 40; count++) await mail.call('send', { to: `${count}@b.test` })
    expect(waiting()).toBe(32)
  }, 60_000)
})
