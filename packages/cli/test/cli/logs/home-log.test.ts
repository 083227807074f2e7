import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateSigner } from 'procura'
import { openJsonlAuditSink } from 'procura/audit/jsonl'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { denied, intent, outcome } from '../../../../../test/audit/events.ts'
import { type Clients, newClients, textOf } from '../../gateway/agent-side/connect/client.ts'
import { approveAt } from '../../gateway/serve/approvals/approver.ts'
import { type GatewayHome, makeGatewayHome } from '../../gateway/serve/gateway-home.ts'
import { type CliResult, runCli } from '../run-cli.ts'

let home: GatewayHome
let clients: Clients

beforeEach(async () => {
  home = await makeGatewayHome()
  clients = newClients()
})
afterEach(async () => {
  await clients.end()
  await home.remove()
})

const log = (...words: readonly string[]): Promise<CliResult> => runCli(['log', ...words, '--home', home.folder])

/** The columns behind the time. */
const rowsOf = ({ out }: CliResult): readonly (readonly string[])[] =>
  out.split('\n').map((line) => line.split('\t').slice(1))

/** Writes a log in the place of the one of the gateway. */
async function written(...events: readonly Parameters<Sink['append']>[0][]): Promise<void> {
  const sink = await openJsonlAuditSink({ directory: join(home.folder, 'log') })
  for (const event of events) await sink.append(event, {})
  await sink.close()
}
type Sink = Awaited<ReturnType<typeof openJsonlAuditSink>>

describe('procura log of a home folder', () => {
  it('reads the log of the gateway, with the names of agents and servers [LOG-16] [LOG-17] [LOG-18] [LOG-19]', async () => {
    const [assistant, other] = [await home.agent('assistant'), await home.agent('other')]
    await assistant.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
    await home.open()
    const mail = await clients.open(assistant.folder)
    await mail.call('send', { to: 'bob@example.com' })
    await mail.call('send', { to: 'eve@evil.test' })
    await (await clients.open(other.folder)).call('send', { to: 'bob@example.com' })
    const said = await log()
    expect(said).toMatchObject({ code: 0, err: '' })
    expect(rowsOf(said)).toEqual([
      ['allowed', 'agent assistant', 'mail: send'],
      ['ok', 'agent assistant', 'mail: send'],
      ['denied', 'agent assistant', 'mail: send', 'policy_unsatisfied'],
      ['denied', 'claimed:agent other', 'mail: send', 'root_not_subject'],
    ])
    const all = rowsOf(await log('--all'))
    expect(all.slice(0, 3)).toEqual([
      ['allowed', 'this gateway', '/gateway/start/mail/0', '', 'args={"variable":"MAIL_KEY"}'],
      ['released', 'this gateway', '/gateway/start/mail/0', 'mail.MAIL_KEY'],
      ['ok', 'this gateway', '/gateway/start/mail/0'],
    ])
    expect(rowsOf(await log('--command', '/gateway'))).toHaveLength(all.length - 4)
    // Programs get every event, and DIDs.
    const rows = (await log('--json')).out.split('\n').map((line) => JSON.parse(line))
    expect(rows).toHaveLength(all.length)
    expect(rows.filter(({ decision }) => decision === 'denied')[0]).toMatchObject({ agent: assistant.signer.did })
    expect(rowsOf(await log('--agent', 'assistant', '--decision', 'denied'))).toHaveLength(1)
    const none = await log('--agent', home.service.did)
    expect(none).toMatchObject({ code: 1, out: '' })
    expect(none.err).toMatch(/^no record matches but [0-9]+ of the gateway itself; see --all$/)
    const byVariable = await runCli(['log'], '', { PROCURA_HOME: home.folder })
    expect(byVariable.out).toBe(said.out)
  })

  it('names those who have approved a call, in its chain and beside it [LOG-21]', async () => {
    const assistant = await home.agent('assistant')
    await assistant.give(home.owner, '/mcp/mail/send', [['like', '.to', '*@example.com']])
    await assistant.give(home.owner, '/mcp/mail/secret')
    home.configure((config) => {
      const { mail } = config['servers'] as { readonly mail: object }
      config['servers'] = { mail: { ...mail, approvals: { secret: {} } } }
    })
    await home.open()
    const { call } = await clients.open(assistant.folder)
    const approved = async (name: string, args: object): Promise<void> => {
      const [, id = ''] = /procura approve ([a-z2-7]{16})/.exec(textOf(await call(name, args))) ?? []
      expect((await approveAt(home.folder, [id])).code).toBe(0)
      expect(textOf(await call(name, args))).not.toContain('Denied')
    }
    await approved('send', { to: 'eve@evil.test' })
    await approved('secret', {})
    await call('send', { to: 'bob@example.com' })
    expect(rowsOf(await log('--decision', 'allowed'))).toEqual([
      ['allowed', 'agent assistant', 'mail: send', '', 'approved by the owner'],
      ['allowed', 'agent assistant', 'mail: secret', '', 'approved by the owner'],
      ['allowed', 'agent assistant', 'mail: send'],
    ])
    const rows = (await log('--json', '--decision', 'allowed', '--agent', 'assistant')).out.split('\n')
    const approvers = rows.map((line) => JSON.parse(line).approvers)
    expect(approvers).toEqual([[home.owner.did], [home.owner.did], undefined])
  })

  it('has the arguments that the configuration names, and no others [GTW-51]', async () => {
    const assistant = await home.agent('assistant')
    await assistant.give(home.owner, '/mcp/mail')
    home.configure((config) => {
      const { mail } = config['servers'] as { readonly mail: object }
      const show = { send: ['to', 'unknown', 'to.x', '__proto__'], '*': ['ms'], other: ['to'] }
      config['servers'] = { mail: { ...mail, show } }
    })
    await home.open()
    const { call } = await clients.open(assistant.folder)
    await call('send', { to: `bob@example.com${'x'.repeat(2_000)}`, text: 'canary' })
    await call('slow', { ms: 1 })
    await call('secret', {})
    const rows = rowsOf(await log('--decision', 'allowed')).map(([, , row]) => row)
    expect(rows).toEqual([
      expect.stringMatching(
        /^mail: send to="bob@example\.comx{497}… \[[0-9]+ bytes more|^mail: send to="bob@example\.comx+.{0,120}"$/,
      ),
      'mail: slow ms=1',
      'mail: secret',
    ])
    expect(rows[0]?.length).toBeLessThan(700)
    expect((await log('--json')).out).not.toContain('canary')
  })

  it('shows the failures of the own calls of a gateway, and calls of others with such a command [LOG-19]', async () => {
    const { did } = home.service
    const own = { command: '/gateway/start/mail/0', invoker: did, audience: did, subject: did, principals: [did] }
    await written(
      intent(1, own),
      outcome(2, 1, { status: 'error', code: 'ERR_X' }),
      intent(3, { ...own, invoker: 'did:web:x.example' as never }),
    )
    expect(rowsOf(await log()).map(([decision]) => decision)).toEqual(['error', 'allowed'])
  })

  it('says where there is no gateway, and where it has not run [LOG-17]', async () => {
    expect(await log()).toMatchObject({
      ...{ code: 2, out: '' },
      err: expect.stringMatching(/has written no log yet: .* start it with `procura start --home /),
    })
    const empty = join(home.folder, 'empty')
    expect(await runCli(['log', '--home', empty])).toMatchObject({
      ...{
        code: 2,
        err: expect.stringMatching(/the directory of the log is missing, and `.*empty` has no gateway.json/),
      },
    })
    const could = await runCli(['log', 'could', '--agent', home.owner.did, '--at', 'now', '--home', home.folder])
    expect(could).toMatchObject({ code: 2, err: expect.stringMatching(/has written no log yet/) })
  })

  it('takes names from a file, which replace no name of the home folder [LOG-18]', async () => {
    const assistant = await home.agent('assistant')
    const [bob, twin] = [await generateSigner(), await generateSigner()]
    await written(
      intent(1, { invoker: bob.did, command: '/mcp/mail/send' }),
      intent(2, { invoker: assistant.signer.did, command: '/mcp/mail/send' }),
      intent(3, { invoker: twin.did, command: '/mcp/mail/send' }),
    )
    const file = join(home.folder, 'names.json')
    const names = (content: unknown): void => writeFileSync(file, JSON.stringify(content))
    const agents = async (...words: string[]): Promise<unknown> =>
      rowsOf(await log('--names', file, ...words)).map(([, agent]) => agent)
    names({ [bob.did]: 'bob of sales', [assistant.signer.did]: 'an impostor' })
    expect(await agents()).toEqual(['bob of sales', 'agent assistant', twin.did])
    expect(await agents('--agent', 'bob of sales')).toEqual(['bob of sales'])
    // Two keys of one person; then a name that is also one of an agent.
    names({ [bob.did]: 'bob', [twin.did]: 'bob' })
    expect(await agents('--agent', 'bob')).toEqual(['bob', 'bob'])
    names({ [bob.did]: 'assistant' })
    expect((await log('--names', file, '--agent', 'assistant')).err).toMatch(/have this name for different DIDs/)
    const faults = [[], null, 'x', { bob: 'x' }, { [bob.did]: '' }, { [bob.did]: 5 }]
    const hostile = ['a\tb', 'a\u001b[2J', 'a\u202eb', 'x'.repeat(65), twin.did, 'claimed:x'].map((name) => ({
      [bob.did]: name,
    }))
    for (const fault of [...faults, ...hostile]) {
      names(fault)
      expect(await log('--names', file), JSON.stringify(fault)).toMatchObject({
        ...{ code: 2, out: '', err: expect.stringMatching(/must be a JSON object from DIDs to names/) },
      })
    }
    writeFileSync(file, '{"secret')
    const broken = await log('--names', file)
    expect(broken).toMatchObject({ code: 2, out: '' })
    expect(broken.err).not.toContain('secret')
    expect((await log('--names', join(home.folder, 'no.json'))).err).toMatch(/cannot be read \(ENOENT\)/)
    const could = ['log', 'could', '--home', home.folder, '--at', '2027-02-01', '--names', file]
    names({ [twin.did]: 'twin', [home.service.did]: 'bob' })
    expect((await runCli([...could, '--agent', 'twin'])).err).toMatch(
      /made calls by 1 of its delegations that no ledger/,
    )
    expect(await runCli([...could, '--agent', 'bob'])).toMatchObject({
      code: 1,
      out: expect.stringContaining('nothing'),
    })
  })

  it('names nobody whose DID two agents claim [LOG-18]', async () => {
    const [honest, other] = [await home.agent('honest'), await home.agent('other')]
    await written(intent(1, { invoker: honest.signer.did, command: '/mcp/mail/send' }))
    expect(rowsOf(await log())[0]?.[1]).toBe('agent honest')
    cpSync(join(honest.folder, 'agent.key'), join(other.folder, 'agent.key'))
    expect(rowsOf(await log())[0]?.[1]).toBe(honest.signer.did)
  })

  it('shows no text of a call as a column or another fact, and the status of the upstream [LOG-16]', async () => {
    const tool = '/mcp/mail/send-020-to-03d--022-bob-022--09-x'
    const args = { to: 'bob\t"@\u001b[2J\u202e', 'a b=c\t': [1, { x: new Uint8Array([1]) }] }
    await written(
      intent(1, { command: '/mcp/mail/send', args }),
      outcome(2, 1, { status: 'error', code: 'ERR_X', upstreamStatus: 503 }),
      denied(3, { command: tool, authenticated: true }),
      intent(4, { command: '/http/crm', args: { method: 'GET', path: '/v1/a b' } }),
      denied(5, { command: '/mcp/x/a/b\tallowed', authenticated: true }),
    )
    const { out } = await log()
    for (const character of ['\u001b', '\u202e']) expect(out).not.toContain(character)
    const call = String.raw`mail: send to="bob\t\"@\u001b[2J\u202e" "a b=c\t"=[1,{"x":{"/":{"bytes":"AQ"}}}]`
    expect(rowsOf(await log()).map((row) => row.slice(2))).toEqual([
      [call],
      [call, 'ERR_X', 'HTTP 503'],
      [String.raw`mail: "send to=\"bob\"\tx"`, 'policy_unsatisfied'],
      ['crm: GET "/v1/a b"'],
      [String.raw`/mcp/x/a/b\u0009allowed`, 'policy_unsatisfied'],
    ])
  })

  it('takes no names from a home folder whose configuration cannot be read [LOG-18]', async () => {
    const assistant = await home.agent('assistant')
    await written(intent(1, { invoker: assistant.signer.did, command: '/mcp/mail/send' }))
    const place = join(home.folder, 'copy')
    mkdirSync(place)
    cpSync(join(home.folder, 'log'), place, { recursive: true })
    expect(rowsOf(await log(place))[0]?.[1]).toBe('agent assistant')
    chmodSync(join(home.folder, 'gateway.json'), 0o666)
    expect(rowsOf(await log(place))[0]?.[1]).toBe(assistant.signer.did)
    expect((await log()).err).toMatch(/gateway\.json/)
    expect(readFileSync(join(home.folder, 'gateway.json'), 'utf8')).toContain('"version":1')
  })
})
