import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { until } from '../../../../../test/support/until.ts'
import { newClients, textOf } from '../agent-side/connect/client.ts'
import { callsIn, canary, type GatewayHome, makeGatewayHome } from './gateway-home.ts'

let home: GatewayHome
const clients = newClients()

beforeEach(async () => {
  home = await makeGatewayHome()
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await clients.end()
  await home.remove()
})

describe('a gateway', () => {
  it('runs an allowed call, refuses another one, and records both [GTW-30]', async () => {
    const gateway = await home.open()
    expect(gateway.servers()).toEqual([{ name: 'mail', type: 'stdio', tools: 6, waiting: 0 }])
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
    const mail = await clients.open(agent.folder)
    const { result } = await mail.ask('tools/list')
    expect(result?.tools?.map(({ name }) => name)).toEqual(['send'])
    expect(textOf(await mail.call('send', { to: 'bob@example.com' }))).toBe('sent to bob@example.com')
    expect(textOf(await mail.call('send', { to: 'eve@evil.test' }))).toContain('Denied (policy_unsatisfied)')
    expect(textOf(await mail.call('secret'))).toContain('Denied (')
    expect(callsIn(home.folder).map(({ name }) => name)).toEqual(['send'])
    expect(JSON.stringify(callsIn(home.folder))).not.toContain('xyz.ucan')
    const events = await home.records()
    const own = events.filter(({ command }) => String(command).startsWith('/gateway/start/mail'))
    expect(own.length).toBe(2)
    expect(events.filter(({ kind }) => kind === 'released')).toMatchObject([{ vault: 'mail.MAIL_KEY' }, {}])
    expect(events.filter(({ command }) => command === '/mcp/mail/send')).toMatchObject([
      { kind: 'intent', invoker: agent.signer.did },
      { kind: 'denied', code: 'policy_unsatisfied' },
    ])
    expect(await gateway.health()).toEqual({ healthy: true, reasons: [], dryRun: false, sessions: 1, calls: 0 })
  })

  it('gives the secret to the program alone, with few variables of its own [GTW-11] [GTW-13] [GTW-54]', async () => {
    const network = [
      ...['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'https_proxy', 'http_proxy', 'no_proxy'],
      ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
    ]
    for (const name of [...network, 'PROCURA_TEST_VARIABLE']) vi.stubEnv(name, '/dev/null')
    await home.open()
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    const mail = await clients.open(agent.folder)
    expect(textOf(await mail.call('secret'))).toBe(createHash('sha256').update(canary).digest('hex'))
    const names = textOf(await mail.call('variables')).split(' ')
    const allowed = 'CALLS_FILE HOME LANG LC_ALL LC_CTYPE LOGNAME MAIL_KEY PATH TMPDIR TZ USER'.split(' ')
    expect(names.filter((name) => ![...allowed, ...network].includes(name))).toEqual([])
    expect(names).toEqual(expect.arrayContaining(network))
    expect(names).toContain('MAIL_KEY')
  })

  it('shows the secret neither in a result nor in the file of standard error [GTW-73] [GTW-14] [attack 77]', async () => {
    home.configure((given) => {
      const servers = given['servers'] as Record<string, object>
      Object.assign(servers['mail'] ?? {}, { stderr: 'mail.err' })
    })
    await home.open()
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail')
    const mail = await clients.open(agent.folder)
    expect(textOf(await mail.call('send', { to: 'a $MAIL_KEY b' }))).toBe('sent to a [redacted] b')
    const errors = (): string => readFileSync(join(home.folder, 'mail.err'), 'utf8')
    await until(() => errors().includes('invalid'))
    expect(errors()).toContain('invalid key [redacted]\n')
    expect(errors()).not.toContain(canary)
  })

  it('records the tool use, session and turn that an agent names, in the records of a call [GTW-41]', async () => {
    const agent = await home.agent('assistant')
    await agent.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
    const metas = (at: number): readonly object[] => [
      { 'claudecode/toolUseId': `toolu_${at}` },
      { callId: `call_${at}`, 'x-codex-turn-metadata': JSON.stringify({ session_id: `s${at}`, turn_id: `t${at}` }) },
      { callId: 'x'.repeat(300), 'claudecode/toolUseId': { id: 1 } },
      {},
    ]
    const claimedOf = (at: number): readonly unknown[] => [
      { toolUse: `toolu_${at}` },
      { toolUse: `call_${at}`, session: `s${at}`, turn: `t${at}` },
      undefined,
      undefined,
    ]
    for (const dryRun of [false, true]) {
      const gateway = await home.open({ dryRun })
      const mail = await clients.open(agent.folder)
      // Allowed, refused by the guard, and refused before it.
      for (const [at, [name, args]] of [
        ['send', { to: 'bob@example.com' }],
        ['send', { to: 'eve@evil.test' }],
        ['no-such-tool', {}],
      ].entries())
        for (const _meta of metas(at)) await mail.ask('tools/call', { name, arguments: args, _meta })
      await gateway.close()
    }
    const records = (await home.records()).filter(
      ({ kind, command }) => (kind === 'intent' || kind === 'denied') && String(command).startsWith('/mcp/'),
    )
    const [own, shadow] = [undefined, 'shadow'].map((wanted) =>
      records.filter(({ mode }) => mode === wanted).map(({ claimed }) => claimed),
    )
    expect(own).toEqual([0, 1, 2].flatMap(claimedOf))
    // Refusals of calls that nobody could make are sampled.
    expect(shadow?.slice(0, 8)).toEqual([0, 1].flatMap(claimedOf))
  })
})
