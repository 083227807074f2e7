import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { delegate, encodeContainer, invoke } from 'procura'
import { createSignerFile } from 'procura/signer/file'
import { openContainer } from 'procura/token'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createApprovedCalls } from '../../../../src/gateway/agent-side/connect/approved-calls.ts'
import { readConnection } from '../../../../src/gateway/agent-side/connect/connection-file.ts'
import { followAgentFile } from '../../../../src/gateway/agent-side/connect/follow-agent-file.ts'
import { toolCommand } from '../../../../src/gateway/wire/tool-command.ts'
import { runCli } from '../../../cli/run-cli.ts'
import { type AgentHome, makeAgentHome } from '../../agent-side/connect/agent-home.ts'
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
  await agent.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
})
afterEach(async () => {
  for (const { input, ended } of clients) {
    input.destroy()
    await ended
  }
  await home.remove()
})

async function client(more: Parameters<typeof connectClient>[1] = {}, folder = agent.folder): Promise<LineClient> {
  const made = connectClient(folder, more)
  clients.push(made)
  await made.initialize()
  return made
}

const textOf = (answer: Answer): string => answer.result?.content?.[0].text ?? ''
const idIn = (answer: Answer): string => /procura approve ([a-z2-7]{16})/.exec(textOf(answer))?.[1] as string
const eve = { to: 'eve@evil.example' }
const files = (): readonly string[] =>
  readdirSync(join(home.folder, 'approvals'))
    .filter((name) => !name.startsWith('.draft-'))
    .sort()

describe('a call that an approval could permit', () => {
  it('APR-80 APR-86 is refused with the ID of its request, and permitted once after `procura approve`', async () => {
    await home.open()
    const { call } = await client()
    const refused = await call('send', eve)
    expect(textOf(refused)).toMatch(
      /^Denied \(policy_unsatisfied\): .* An approval is requested: ask the user to run `procura approve [a-z2-7]{16} --home \S+` in a terminal within (?:29|30) minutes/,
    )
    const id = idIn(refused)
    expect(files()).toEqual([`${id}.request`])
    expect(statSync(join(home.folder, 'approvals', `${id}.request`)).mode & 0o777).toBe(0o600)
    const { invocations } = await openContainer(
      readFileSync(join(home.folder, 'approvals', `${id}.request`), 'utf8').trim(),
    )
    expect(String(invocations[0]?.cid).slice(8, 24)).toBe(id)
    const said = await approveAt(home.folder, [id])
    expect(said.shown).toContain('  - to = "eve@evil.example"')
    expect(said.shown).toContain('("agent assistant")')
    expect(said).toMatchObject({ code: 0 })
    expect(said.out).toMatch(/^approved [a-z2-7]{16}: the agent can make this call once, until/)
    expect(textOf(await call('send', eve))).toBe('sent to eve@evil.example')
    expect(files()).toEqual([])
    const again = await call('send', eve)
    expect(textOf(again)).toMatch(/^Denied \(policy_unsatisfied\)/)
    expect(idIn(again)).not.toBe(id)
    expect(callsIn(home.folder)).toHaveLength(1)
  })

  it('APR-82 APR-86 is refused with the reason when its agent leaves too many answers at the gateway', async () => {
    await home.open()
    const { call } = await client()
    /** Eight at a time: the gateway has a limit of conversations too. */
    const callOthers = async (): Promise<readonly string[]> => {
      const texts: string[] = []
      for (let at = 0; at < 32; at += 8) {
        const some = [...Array(8).keys()].map((one) => call('send', { to: `${at + one}@evil.example` }))
        texts.push(...(await Promise.all(some)).map(textOf))
      }
      return texts
    }
    for (const text of await callOthers()) expect(text).toMatch(/An approval is requested/)
    await approveAt(home.folder, ['--deny'])
    expect(files().filter((name) => name.endsWith('.answer'))).toHaveLength(32)
    expect(textOf(await call('send', eve))).toMatch(
      /^Denied \(policy_unsatisfied\): .*No approval could be obtained: the gateway refuses: too many requests wait for their approvers; answer some of them with `procura approve --home \S+`\.$/,
    )
    for (const text of await callOthers()) expect(text).toMatch(/The approver has refused this call/)
    expect(textOf(await call('send', eve))).toMatch(/An approval is requested/)
  })

  it('APR-86 is refused with the reason when its arguments are too large for a request', async () => {
    await home.open()
    const { call } = await client()
    for (const length of [80_000, 900_000]) {
      const refused = textOf(await call('send', { ...eve, text: 'x'.repeat(length) }))
      expect(refused).toMatch(
        /^Denied \(policy_unsatisfied\): .*No approval could be obtained: the invocation must have at most 65\d{3} bytes/,
      )
    }
    expect(existsSync(join(home.folder, 'approvals'))).toBe(false)
  })

  it('waits for the answer with `approvalWait`, and reports progress', async () => {
    await home.open()
    const { write, answer, count, lines } = await client({ approvalWait: 30 })
    write({
      ...{ jsonrpc: '2.0', id: 'w', method: 'tools/call' },
      params: { name: 'send', arguments: eve, _meta: { progressToken: 7 } },
    })
    await count(2)
    const progress = JSON.parse(lines[1] as string)
    expect(progress).toMatchObject({ method: 'notifications/progress', params: { progressToken: 7 } })
    const [, id] = /approve ([a-z2-7]{16})/.exec(progress.params.message) as RegExpExecArray
    await approveAt(home.folder, [id as string])
    expect(textOf(await answer('w'))).toBe('sent to eve@evil.example')
  })

  it('APR-81 is refused when the person says no, and its request is valid for half an hour', async () => {
    await home.open()
    const { call } = await client()
    const id = idIn(await call('send', eve))
    const [listed] = (await runCli(['approve', '--list', '--json', '--home', home.folder])).out.split('\n')
    const { expiration, ...others } = JSON.parse(listed as string) as Record<string, unknown>
    expect(Number(expiration) - Date.now() / 1_000).toBeGreaterThan(1_700)
    expect(Number(expiration) - Date.now() / 1_000).toBeLessThanOrEqual(1_801)
    expect(others).toEqual({
      ...{ id, state: 'waiting', agent: agent.signer.did, approver: home.owner.did },
      ...{ command: '/mcp/mail/send', args: eve },
    })
    expect(await approveAt(home.folder, [id], 'no')).toMatchObject({ code: 1, out: `refused ${id}` })
    expect(textOf(await call('send', eve))).toMatch(/The approver has refused this call; do not repeat it/)
  })

  it('APR-83 is permitted to one of two connections that wait for the same approval', async () => {
    await home.open()
    const both = [await client({ approvalWait: 30 }), await client({ approvalWait: 30 })]
    const asked = both.map(({ call }) => call('send', eve))
    await expect.poll(() => files().length).toBe(1)
    // The second one waits for the same request.
    await new Promise((settle) => setTimeout(settle, 500))
    expect(files()).toHaveLength(1)
    await approveAt(home.folder, [])
    const texts = (await Promise.all(asked)).map(textOf).sort()
    expect(texts[1]).toBe('sent to eve@evil.example')
    expect(texts[0]).toMatch(/^Denied .* The approval was used by an identical call, .*; make the call again/)
    expect(callsIn(home.folder)).toHaveLength(1)
  })

  it('APR-30 is refused at the end of the wait, and a cancelled call is not made', async () => {
    await home.open()
    const { call, write, lines } = await client({ approvalWait: 1 })
    const refused = await call('send', eve)
    expect(textOf(refused)).toMatch(/^Denied \(policy_unsatisfied\): .*procura approve/)
    write({ jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'send', arguments: { to: 'c@c.example' } } })
    await expect.poll(() => files().length).toBe(2)
    write({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } })
    await approveAt(home.folder, [])
    await new Promise((settle) => setTimeout(settle, 1_500))
    expect(lines.some((line) => line.includes('"id":"c"'))).toBe(false)
    expect(callsIn(home.folder)).toEqual([])
    // The approval was not taken: the next identical call uses it.
    expect(textOf(await call('send', { to: 'c@c.example' }))).toBe('sent to c@c.example')
  })

  it('APR-86 is not made when it is cancelled after its approval has arrived', async () => {
    await home.open()
    const connection = await readConnection(agent.folder)
    const { signer } = agent
    const file = followAgentFile(signer, connection, { clock: undefined, delegationsKey: undefined })
    const { current, signing, without } = file
    const call = { jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'send', arguments: eve } }
    const denial = { code: 'policy_unsatisfied', message: 'no', approvable: true }
    const refusal = { id: 'c', result: { content: [], _meta: { 'xyz.ucan/container.denial': denial } } }
    let beforeSigning = (): unknown => undefined
    const approved = createApprovedCalls({
      ...{ connection, signer, signing, without, clock: undefined, waitSeconds: 0, elicitor: () => undefined },
      current: async () => {
        beforeSigning()
        return current()
      },
      commandOf: (tool) => toolCommand('mail', tool),
      prove: async () => ({}),
      onFault: () => undefined,
      notify: async () => undefined,
    })
    expect(await approved.settle(call, refusal)).toHaveProperty('answer')
    await approveAt(home.folder, [])
    beforeSigning = () => expect(approved.cancel('c')).toBe(true)
    expect(await approved.settle(call, refusal)).toBe(undefined)
    expect(files()).toEqual([])
  })

  it('APR-20 is refused with another argument, and for another agent', async () => {
    await home.open()
    const { call } = await client()
    await approveAt(home.folder, [idIn(await call('send', eve))])
    expect(textOf(await call('send', { ...eve, text: 'more' }))).toMatch(/^Denied/)
    const other = await home.agent('other')
    await other.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
    const second = await client({}, other.folder)
    expect(textOf(await second.call('send', eve))).toMatch(/^Denied/)
    expect(callsIn(home.folder)).toEqual([])
    expect(textOf(await call('send', eve))).toBe('sent to eve@evil.example')
  })

  it('APR-27 is refused by the gateway when its approval is used again', async () => {
    const gateway = await home.open()
    const { call } = await client()
    const id = idIn(await call('send', eve))
    await approveAt(home.folder, [id])
    const answer = readFileSync(join(home.folder, 'approvals', `${id}.answer`), 'utf8').trim()
    const { delegations: proofs } = await openContainer(answer)
    const present = async (args: object): Promise<string> => {
      const parts = { issuer: agent.signer, subject: home.owner.did, audience: home.service.did, proofs }
      const invocation = await invoke({ ...parts, command: '/mcp/mail/send', args: args as never })
      const _meta = { 'xyz.ucan/container': encodeContainer([invocation, ...proofs]) }
      return callOver(gateway.place, { name: 'send', arguments: args, _meta })
    }
    expect(await present({ to: 'other@evil.example' })).toMatch(/Denied \(policy_unsatisfied\)/)
    expect(await present(eve)).toMatch(/sent to eve/)
    expect(await present(eve)).toMatch(/Denied \(limit_exhausted\)/)
    // The stored answer is of no use then.
    expect(textOf(await call('send', eve))).toMatch(/^Denied \(limit_exhausted\)/)
    expect(callsIn(home.folder)).toHaveLength(1)
  })

  it('is made in a dry run without a request', async () => {
    await home.open({ dryRun: true })
    const { call } = await client()
    expect(textOf(await call('send', eve))).toBe('sent to eve@evil.example')
    expect(() => files()).toThrow(/ENOENT/)
  })
})

describe('an agent that wants to approve its own call', () => {
  const put = (name: string, text: string): void =>
    writeFileSync(join(home.folder, 'approvals', name), text, { mode: 0o600 })
  const read = (name: string): string => readFileSync(join(home.folder, 'approvals', name), 'utf8').trim()

  it('APR-85 gains nothing by an answer of its own, another answer or another request [attack 102]', async () => {
    await home.open()
    const { call } = await client()
    const id = idIn(await call('send', eve))
    const own = await delegate({
      ...{ issuer: agent.signer, audience: agent.signer.did, command: '/mcp/mail/send' as const },
      ...{ policy: [['==', '.', eve]] as never, subject: home.owner.did as never },
    }).catch(async () => delegate({ issuer: agent.signer, audience: agent.signer.did, command: '/mcp/mail/send' }))
    put(`${id}.answer`, encodeContainer([own]))
    expect(textOf(await call('send', eve))).toMatch(/An approval is requested/)

    // An answer to another request of the same agent.
    const mild = idIn(await call('send', { to: 'mild@other.example' }))
    await approveAt(home.folder, [mild])
    put(`${id}.answer`, read(`${mild}.answer`))
    expect(textOf(await call('send', eve))).toMatch(/An approval is requested/)

    // The file of a harmless request with another request in it is not shown, and is not answered.
    const harmless = idIn(await call('send', { to: 'harmless@other.example' }))
    put(`${harmless}.request`, read(`${id}.request`))
    const listed = await runCli(['approve', '--list', '--home', home.folder])
    expect(listed.out).not.toContain(harmless)
    expect(await approveAt(home.folder, [harmless])).toMatchObject({ code: 2, shown: '' })

    // The person removes the false answer.
    const named = expect.stringContaining('is in the place of the answer, and is not one; remove it')
    expect(await approveAt(home.folder, [id])).toMatchObject({ code: 2, err: named })
    rmSync(join(home.folder, 'approvals', `${id}.answer`))
    expect(await approveAt(home.folder, [id])).toMatchObject({ code: 0 })
    expect(textOf(await call('send', eve))).toBe('sent to eve@evil.example')
    expect(callsIn(home.folder)).toHaveLength(1)
  })

  it('APR-87 cannot use the program without a terminal, or with a passphrase from the environment', async () => {
    await home.open()
    const { call } = await client()
    const id = idIn(await call('send', eve))
    for (const words of [[id], [], [id, '--deny']]) {
      const said = await runCli(['approve', ...words, '--home', home.folder], 'yes\n')
      expect(said).toMatchObject({ code: 2, out: '' })
      expect(said.err).toMatch(/a person has to answer at a terminal/)
    }
    // Standard input alone is not a terminal.
    const half = await runCli(['approve', id, '--home', home.folder], '', {}, [], {
      input: Object.assign(new PassThrough(), { isTTY: true }),
      output: { isTTY: false, write: () => true },
    })
    expect(half.out).toBe(`refused ${id}`)
  })

  it('APR-87 cannot use a passphrase of the environment', async () => {
    const [path, passphrase] = [join(home.folder, 'locked.key'), 'correct horse battery']
    const { signer } = await createSignerFile({ path, key: { passphrase }, scryptCost: 16_384 })
    home.configure((config) => Object.assign(config, { subjects: [signer.did] }))
    await home.open()
    const place = { socket: join(home.folder, 'gateway.sock') }
    const parties = { audience: home.service.did, subject: signer.did }
    const { folder } = await makeAgentHome(join(home.folder, 'agents', 'second'), place, parties)
    const { call } = await client({}, folder)
    const id = idIn(await call('send', eve))
    const env = { PROCURA_KEY_PASSPHRASE: passphrase, PROCURA_VAULT_PASSPHRASE: passphrase }
    const words = [id, '--from', path]
    expect(await approveAt(home.folder, words, 'yes', [], env)).toMatchObject({ code: 2, out: '' })
    expect(await approveAt(home.folder, words, 'yes', ['a wrong passphrase'], env)).toMatchObject({ code: 2, out: '' })
    const other = await approveAt(home.folder, [id])
    expect(other).toMatchObject({ code: 2, shown: '' })
    expect(other.err).toMatch(/the request is addressed to did:key:\S+, and .* is the key of did:key:\S+; pass --from/)
    expect(textOf(await call('send', eve))).toMatch(/An approval is requested/)
    expect(await approveAt(home.folder, words, 'yes', [passphrase])).toMatchObject({ code: 0 })
    expect(textOf(await call('send', eve))).toBe('sent to eve@evil.example')
  })
})

/** Makes a call in a session of its own, as a program with the key of the agent can. */
function callOver(path: string, params: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = [
      { procura: 1, server: 'mail' },
      {
        ...{ jsonrpc: '2.0', id: 1, method: 'initialize' },
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } },
      },
      { jsonrpc: '2.0', id: 2, method: 'tools/call', params },
    ]
    const socket = connect(path, () => void socket.write(lines.map((one) => `${JSON.stringify(one)}\n`).join('')))
    let text = ''
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk.toString()
      const found = text.split('\n').find((line) => line.includes('"id":2'))
      if (found === undefined || !text.endsWith('\n')) return
      socket.destroy()
      resolve(found)
    })
  })
}
