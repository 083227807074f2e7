import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { attenuate, type Delegation, delegate, encodeContainer, generateSigner, invoke, type Signer } from 'procura'
import { requestApproval } from 'procura/approval'
import { revoke } from 'procura/revocation'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { actor } from '../../../../../test/support/actors.ts'
import { until } from '../../../../../test/support/until.ts'
import type { Gateway } from '../../../src/index.ts'
import { type AgentHome, makeAgentHome } from '../agent-side/connect/agent-home.ts'
import { newClients } from '../agent-side/connect/client.ts'
import { approveAt } from './approvals/approver.ts'
import { type GatewayHome, makeGatewayHome } from './gateway-home.ts'

let home: GatewayHome
let gateway: Gateway
let agent: AgentHome
let chain: Delegation
const clients = newClients()

async function openOverTcp(dryRun = false): Promise<void> {
  home = await makeGatewayHome()
  home.configure((given) => void Object.assign(given, { listen: { address: '127.0.0.1:0' } }))
  gateway = await home.open({ dryRun })
  const place = { audience: home.service.did, subject: home.owner.did }
  agent = await makeAgentHome(join(home.folder, 'agents', 'assistant'), { address: gateway.place }, place)
}

beforeEach(async () => {
  await openOverTcp()
  chain = await agent.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
})

afterEach(async () => {
  await clients.end()
  await home.remove()
})

type Line = Readonly<Record<string, unknown>>

/** Sends lines, each after an answer, and returns the answers. */
async function exchange(...lines: readonly ((answer: Line) => string | Promise<string>)[]): Promise<readonly Line[]> {
  const [host, port] = gateway.place.split(':')
  const socket = connect(Number(port), host)
  socket.on('error', () => undefined)
  const read = createInterface({ input: socket })[Symbol.asyncIterator]()
  const answers: Line[] = []
  for (const line of lines) {
    socket.write(`${await line(answers.at(-1) ?? {})}\n`)
    const { value, done } = await read.next()
    if (done === true) break
    answers.push(JSON.parse(value as string) as Line)
  }
  socket.destroy()
  return answers
}

const hello = (): string => '{"procura":1,"server":"mail"}'

/** A proof with some parts of another one. */
async function proof(
  challenge: unknown,
  parts: {
    readonly signer?: Signer
    readonly server?: string
    readonly audience?: string
    readonly command?: string
    readonly chain?: readonly Delegation[]
  } = {},
): Promise<string> {
  const { signer = agent.signer, server = 'mail', audience = home.service.did, command = '/gateway/connect' } = parts
  const call = {
    issuer: signer,
    subject: signer.did,
    audience,
    command,
    args: { server, challenge: challenge as string },
  }
  const invocation = encodeContainer([await invoke(call)])
  return JSON.stringify({ procura: 1, invocation, chain: encodeContainer(parts.chain ?? [chain]) })
}

/** The number of programs that were started. */
const starts = async (): Promise<number> =>
  (await home.records()).filter(
    ({ kind, command }) => kind === 'intent' && String(command).startsWith('/gateway/start'),
  ).length

describe('a session over TCP', () => {
  it('begins with a proof of a delegation for its server, which connect gives [GTW-24] [CON-12]', async () => {
    const mail = clients.connect(agent.folder)
    await mail.initialize()
    const { result } = await mail.call('send', { to: 'bob@example.com' })
    expect(result?.content?.[0].text).toBe('sent to bob@example.com')
    const [first, second] = await exchange(hello, ({ challenge }) => proof(challenge))
    expect(first).toEqual({ procura: 1, audience: home.service.did, challenge: expect.stringMatching(/^[\w-]{24}$/) })
    expect(second).toEqual({ procura: 1, audience: home.service.did })
  })

  it('does not begin, and starts no program, without the proof of this connection [GTW-24] [attack 98]', async () => {
    const [owner, eve] = [home.owner, await actor('eve')]
    const given = (to: Signer, more: object = {}): Promise<Delegation> =>
      delegate({
        ...{ issuer: owner, audience: to.did, command: '/mcp/mail' },
        ...('expiration' in more ? {} : { expiresIn: 600 }),
        ...more,
      } as never)
    let earlier = ''
    await exchange(hello, async ({ challenge }) => {
      earlier = await proof(challenge)
      return earlier
    })
    const before = await starts()
    const now = Math.floor(Date.now() / 1_000)
    const cases: readonly (readonly [string, (challenge: unknown) => string | Promise<string>])[] = [
      ['a message of MCP', () => '{"jsonrpc":"2.0","id":1,"method":"initialize"}'],
      ['no JSON', () => 'x'],
      ['no chain', async (challenge) => JSON.stringify({ ...JSON.parse(await proof(challenge)), chain: undefined })],
      [
        'an empty chain',
        (challenge) => proof(challenge, { chain: [] }).catch(() => '{"procura":1,"invocation":"","chain":""}'),
      ],
      ['an earlier proof', () => earlier],
      ['another challenge', () => proof('x'.repeat(24))],
      ['another server', (challenge) => proof(challenge, { server: 'files' })],
      ['another gateway', (challenge) => proof(challenge, { audience: eve.did })],
      ['another command', (challenge) => proof(challenge, { command: '/mcp/mail/send' })],
      ['the chain of somebody else', (challenge) => proof(challenge, { signer: eve })],
      [
        'a chain of a stranger',
        async (challenge) => {
          const own = await delegate({ issuer: eve, audience: agent.signer.did, command: '/mcp/mail', expiresIn: 600 })
          return proof(challenge, { chain: [own] })
        },
      ],
      [
        'a chain for another server',
        async (challenge) => proof(challenge, { chain: [await given(agent.signer, { command: '/mcp/mailer' })] }),
      ],
      [
        'a chain that has expired',
        async (challenge) => proof(challenge, { chain: [await given(agent.signer, { expiration: now - 300 })] }),
      ],
      ['the delegation of another agent', async (challenge) => proof(challenge, { chain: [await given(eve)] })],
      [
        'an invocation as its chain',
        async (challenge) => {
          const read = JSON.parse(await proof(challenge)) as Line
          return JSON.stringify({ ...read, chain: read['invocation'] })
        },
      ],
    ]
    for (const [name, line] of cases) {
      const answers = await exchange(hello, ({ challenge }) => line(challenge))
      expect.soft(answers[1], name).toMatchObject({ procura: 1, error: { code: 'proof_refused' } })
    }
    expect(await starts()).toBe(before)
    expect(JSON.stringify(home.events)).not.toContain(JSON.parse(earlier).chain)
  })

  it('does not begin with a delegation that was revoked [GTW-24]', async () => {
    const revocation = await revoke({ issuer: home.owner, delegation: chain })
    const line = JSON.stringify({ procura: 1, revoke: encodeContainer([revocation, chain]) })
    const [revoked] = await exchange(() => line)
    expect(revoked).toMatchObject({ revoked: String(chain.cid) })
    const [, answer] = await exchange(hello, ({ challenge }) => proof(challenge))
    expect(answer).toMatchObject({ error: { code: 'proof_refused', message: expect.stringContaining('revoked') } })
  })

  it('leaves an agent its revocations, whatever strangers send in its name [GTW-43] [attack 98]', async () => {
    const [stranger, below] = [await generateSigner(), await generateSigner()]
    const passed = await attenuate([chain], { issuer: agent.signer, audience: below.did })
    const path = [chain, passed]
    const answerTo = async (issuer: Signer): Promise<Line> => {
      const revocation = await revoke({ issuer, delegation: passed, path })
      const line = JSON.stringify({ procura: 1, revoke: encodeContainer([revocation, ...path]) })
      return (await exchange(() => line))[0] ?? {}
    }
    // One more than an agent can make at once.
    for (let sent = 0; sent <= 1_000; sent += 13) {
      const answers = await Promise.all(Array.from({ length: 13 }, () => answerTo(stranger)))
      for (const { error } of answers) expect(error).toMatchObject({ code: 'revocation_refused' })
    }
    expect(await answerTo(agent.signer)).toMatchObject({ revoked: String(passed.cid) })
  })

  it('ends when its chain is revoked, and reads nothing with the credential of the server [GTW-75] [GTW-38] [attack 97]', async () => {
    await gateway.close()
    const args = [fileURLToPath(new URL('hostile-server.mjs', import.meta.url))]
    const hostile = { type: 'stdio', command: process.execPath, args, env: { MODE: 'usual' }, allow: ['resources'] }
    home.configure((given) => void Object.assign(given, { servers: { mail: hostile } }))
    gateway = await home.open()
    const [host, port] = gateway.place.split(':')
    /** Opens a session, and sends a request in each turn. */
    async function begin(own: Delegation): Promise<() => Promise<Line | undefined>> {
      const socket = connect(Number(port), host).on('error', () => undefined)
      onTestFinished(() => void socket.destroy())
      const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
      const next = async (line: string): Promise<Line | undefined> => {
        socket.write(`${line}\n`)
        const { value, done } = await lines.next()
        return done === true ? undefined : (JSON.parse(value as string) as Line)
      }
      const asked = await next(hello())
      await next(await proof(asked?.['challenge'], { chain: [own] }))
      return () => next('{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a"}}')
    }
    const reads = [await begin(chain), await begin(await agent.give(home.owner, '/mcp/mail'))] as const
    for (const read of reads) expect(await read()).toHaveProperty('result.contents')
    const revocation = await revoke({ issuer: home.owner, delegation: chain })
    const line = JSON.stringify({ procura: 1, revoke: encodeContainer([revocation, chain]) })
    expect((await exchange(() => line))[0]).toHaveProperty('revoked')
    expect(await reads[0]()).toBeUndefined()
    expect(await reads[1]()).toHaveProperty('result.contents')
    await until(async () => (await gateway.health()).sessions === 1, 20)
  })

  it('is opened while strangers hold every connection without a proof [GTW-22] [attack 98]', async () => {
    const [host, port] = gateway.place.split(':')
    const sockets: Socket[] = []
    const hold = async (count: number, line: string): Promise<void> => {
      for (let at = 0; at < count; at++) {
        const socket = connect(Number(port), host, () => void socket.write(line))
        sockets.push(socket.on('error', () => undefined))
        await new Promise((resolve) => socket.once('connect', resolve))
      }
    }
    const asks = { command: '/mcp/mail/send', subject: home.owner.did }
    await hold(200, '')
    await hold(40, `${hello()}\n`)
    await hold(40, `${JSON.stringify({ procura: 1, approvals: asks })}\n`)
    const mail = clients.connect(agent.folder)
    await mail.initialize()
    expect((await mail.call('send', { to: 'bob@example.com' })).result?.content?.[0].text).toBe(
      'sent to bob@example.com',
    )
    for (const socket of sockets) socket.destroy()
  })

  it('has its place free for holders while others connect [GTW-22] [GTW-24]', async () => {
    const [host, port] = gateway.place.split(':')
    const sockets = Array.from({ length: 100 }, () => connect(Number(port), host).on('error', () => undefined))
    for (const socket of sockets) socket.write(`${hello()}\n`)
    const mail = clients.connect(agent.folder)
    await mail.initialize()
    expect((await mail.call('send', { to: 'bob@example.com' })).result?.isError).not.toBe(true)
    for (const socket of sockets) socket.destroy()
    expect((await gateway.health()).sessions).toBe(1)
  })

  it('is refused to an agent with its share of the sessions, with a record, and given to others [GTW-26] [attack 98]', async () => {
    await gateway.close()
    home.configure((given) => void Object.assign(given, { servers: { mail: { type: 'stdio', command: 'cat' } } }))
    gateway = await home.open()
    const [host, port] = gateway.place.split(':')
    const held: Socket[] = []
    /** Opens a session, and returns its last answer. */
    const hold = async (parts: Parameters<typeof proof>[1] = {}): Promise<Line> => {
      const socket = connect(Number(port), host).on('error', () => undefined)
      held.push(socket)
      const read = createInterface({ input: socket })[Symbol.asyncIterator]()
      const next = async (): Promise<Line> => JSON.parse((await read.next()).value as string) as Line
      socket.write(`${hello()}\n`)
      socket.write(`${await proof((await next())['challenge'], parts)}\n`)
      return next()
    }
    // The agents below an agent take its places: it can make any number of them.
    const below = await actor('below')
    const passed = await attenuate([chain], { issuer: agent.signer, audience: below.did, expiresIn: 60 })
    for (let count = 0; count < 32; count++)
      expect(await hold(count % 2 === 0 ? {} : { signer: below, chain: [chain, passed] })).not.toHaveProperty('error')
    const error = {
      code: 'too_many',
      message: expect.stringContaining('this agent has its 32 sessions together with'),
    }
    expect(await hold()).toMatchObject({ error })
    expect(await hold({ signer: below, chain: [chain, passed] })).toMatchObject({ error })
    const other = await actor('other')
    const own = await delegate({ issuer: home.owner, audience: other.did, command: '/mcp/mail', expiresIn: 60 })
    expect(await hold({ signer: other, chain: [own] })).not.toHaveProperty('error')
    expect((await gateway.health()).sessions).toBe(33)
    held.shift()?.destroy()
    await until(async () => (await gateway.health()).sessions === 32, 20)
    expect(await hold()).not.toHaveProperty('error')
    for (const socket of held) socket.destroy()
    await until(async () => (await gateway.health()).sessions === 0, 20)
    const refused = (await home.records()).filter(({ code }) => code === 'overloaded')
    const facts = { kind: 'denied', authenticated: true, command: '/mcp/mail', requirement: 'GTW-26' }
    expect(refused).toMatchObject([
      { ...facts, invoker: agent.signer.did },
      { ...facts, invoker: below.did },
    ])
  }, 60_000)

  it('is answered with the remedy when the agent has no delegation for the server [CON-12] [CON-43]', async () => {
    const place = { audience: home.service.did, subject: home.owner.did }
    const other = await makeAgentHome(join(home.folder, 'agents', 'other'), { address: gateway.place }, place)
    await other.give(home.owner, '/mcp/crm')
    const mail = clients.connect(other.folder)
    expect((await mail.initialize()).error?.message).toMatch(
      /has no valid delegation for `mail`; renew what it had with `procura renew other --home \S+`; or .*`procura agent receive other --home \S+`/,
    )
    const far = await makeAgentHome(join(home.folder, 'elsewhere', 'a', 'b'), { address: gateway.place }, place)
    const fault = String((await clients.connect(far.folder).initialize()).error?.message)
    expect(fault).toContain(`\`procura agent receive ${far.folder}\``)
    expect(fault).not.toContain('renew')
  })

  it('begins with every delegation that is about the server, or about all servers [GTW-24]', async () => {
    for (const command of ['/', '/mcp', '/mcp/mail', '/mcp/mail/send', '/mcp/mail/no-tool']) {
      const own = await delegate({
        issuer: home.owner,
        audience: agent.signer.did,
        command: command as never,
        expiresIn: 60,
      })
      const [, answer] = await exchange(hello, ({ challenge }) => proof(challenge, { chain: [own] }))
      expect.soft(answer, command).toEqual({ procura: 1, audience: home.service.did })
    }
  })
})

describe('the requests of an agent over TCP', () => {
  const asks = (): string =>
    JSON.stringify({ procura: 1, approvals: { command: '/mcp/mail/send', subject: home.owner.did } })

  /** Requests of an agent for the approval of a call. */
  async function requests(issuer: Signer): Promise<string> {
    const call = { subject: home.owner.did, audience: home.service.did, command: '/mcp/mail/send', args: { to: 'eve' } }
    const invocation = await invoke({ issuer, ...call })
    const options = { issuer, approver: home.owner.did, invocation }
    return JSON.stringify({ requests: [(await requestApproval({ approvable: true }, options)).container], wait: 0 })
  }

  it('are taken after its proof alone [APR-84] [GTW-24] [attack 98]', async () => {
    const eve = await actor('eve')
    const own = await delegate({ issuer: eve, audience: eve.did, command: '/mcp/mail', expiresIn: 60 })
    for (const line of [
      () => requests(eve),
      () => requests(agent.signer),
      ({ challenge }: Line) => proof(challenge, { signer: eve }),
      ({ challenge }: Line) => proof(challenge, { signer: eve, chain: [own] }),
      ({ challenge }: Line) => proof(challenge, { server: 'files' }),
      () => proof('x'.repeat(24)),
    ]) {
      const [first, second] = await exchange(asks, line)
      expect(first).toEqual({ procura: 1, audience: home.service.did, challenge: expect.any(String) })
      expect(second).toMatchObject({ error: { code: 'proof_refused' } })
    }
    const proven = ({ challenge }: Line): Promise<string> => proof(challenge)
    const [, , stranger] = await exchange(asks, proven, () => requests(eve))
    expect(stranger).toMatchObject({ error: { message: 'a request is of another agent' } })
    expect(readdirSync(home.folder)).not.toContain('approvals')
    const [, need, taken] = await exchange(asks, proven, () => requests(agent.signer))
    expect(need).toEqual({ procura: 1, audience: home.service.did, approvers: [home.owner.did], threshold: 1 })
    expect(taken).toMatchObject({ waiting: [{ approver: home.owner.did }] })
  })

  it('wait for answers together with those of the agents below their agent [APR-99] [attack 98]', async () => {
    const [host, port] = gateway.place.split(':')
    /** A conversation of an agent that has its delegation from `agent`. Resolves when it waits, with its end. */
    async function begin(): Promise<{ readonly ended: Promise<Line> }> {
      const signer = await generateSigner()
      const below = [chain, await attenuate(chain, { issuer: agent.signer, audience: signer.did })]
      const socket = connect(Number(port), host).on('error', () => undefined)
      sockets.push(socket)
      const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
      const answer = async (): Promise<Line> => JSON.parse((await lines.next()).value as string) as Line
      socket.write(`${asks()}\n`)
      socket.write(`${await proof((await answer())['challenge'], { signer, chain: below })}\n`)
      await answer()
      socket.write(`${(await requests(signer)).replace('"wait":0', '"wait":600')}\n`)
      expect(await answer()).toHaveProperty('waiting')
      return { ended: answer() }
    }
    const sockets: Socket[] = []
    let ends = 0
    for (let at = 0; at < 8; at++) void (await begin()).ended.then(() => void ends++)
    expect(await (await begin()).ended).toMatchObject({ answers: [] })
    expect(ends).toBe(0)
    for (const socket of sockets) socket.destroy()
  })

  it('are begun at a rate by an agent with those below it, and another one asks as before [APR-99] [attack 98]', async () => {
    const other = await actor('another agent')
    const ofOther = await delegate({
      issuer: home.owner,
      audience: other.did,
      command: '/mcp/mail/send',
      expiresIn: 60,
    })
    const ask = async (signer: Signer, proofs: readonly Delegation[]): Promise<Line | undefined> =>
      (await exchange(asks, ({ challenge }) => proof(challenge, { signer, chain: proofs })))[1]
    const fast: (Line | undefined)[] = []
    while (fast.length < 5) {
      const below = await generateSigner()
      const answer = await ask(below, [chain, await attenuate(chain, { issuer: agent.signer, audience: below.did })])
      if (answer?.['error'] !== undefined) fast.push(answer)
    }
    for (const answer of fast)
      expect(answer).toMatchObject({
        error: { code: 'too_many', message: expect.stringMatching(/too fast: 100 times/) },
      })
    expect(await ask(other, [ofOther])).toMatchObject({ threshold: 1 })
  })

  it('have room while strangers hold connections open [APR-99]', async () => {
    const [host, port] = gateway.place.split(':')
    const sockets = Array.from({ length: 64 }, () => connect(Number(port), host).on('error', () => undefined))
    for (const socket of sockets) socket.write(`${asks()}\n`)
    const mail = clients.connect(agent.folder)
    await mail.initialize()
    const refused = await mail.call('send', { to: 'bob@other.example' })
    expect(refused.result?.content?.[0].text).toMatch(/procura approve [a-z2-7]{16}/)
    await approveAt(home.folder, [])
    const { result } = await mail.call('send', { to: 'bob@other.example' })
    expect(result?.content?.[0].text).toBe('sent to bob@other.example')
    for (const socket of sockets) socket.destroy()
  })
})

describe('a session of a dry run', () => {
  it('needs no proof, because agents may have no delegations yet [GTW-40]', async () => {
    await home.remove()
    await openOverTcp(true)
    expect(await exchange(hello)).toEqual([{ procura: 1, audience: home.service.did }])
  })
})
