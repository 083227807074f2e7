import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { invoke, type Signer } from 'procura'
import { requestApproval } from 'procura/approval'
import { bindRequest } from 'procura/http/binding'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { actor } from '../../../../../../test/support/actors.ts'
import { openApprovalQueue } from '../../../../src/gateway/serve/approvals/approval-queue.ts'
import { type ApiListener, apiCommand, listApprovals, listenForApi, readGatewayConfig } from '../../../../src/index.ts'
import { runCli } from '../../../cli/run-cli.ts'
import { type AgentHome, makeAgentHome } from '../../agent-side/connect/agent-home.ts'
import { type ApiHome, type Call, makeApiHome } from '../api-home.ts'
import { canary } from '../gateway-home.ts'
import { approveAt } from './approver.ts'

let api: ApiHome
let listeners: ApiListener[]

beforeEach(async () => {
  listeners = []
  api = await makeApiHome()
  await api.agent.give(api.home.owner, '/http/crm', [['==', '.method', 'GET']])
})
afterEach(async () => {
  for (const one of listeners) await one.close()
  await api.remove()
})

/** The problem document of a refusal. */
interface Refusal {
  readonly code: string
  readonly detail: string
  readonly approvable?: boolean
  readonly approval?: {
    readonly state: string
    readonly requests?: readonly { readonly id: string; readonly approver: string; readonly expiration: number }[]
    readonly threshold?: number
    readonly url?: string
    readonly next: string
  }
}

const refusalOf = async (response: Response): Promise<Refusal> => (await response.json()) as Refusal
const idIn = ({ approval }: Refusal): string => approval?.requests?.[0]?.id ?? ''
const files = (): readonly string[] => {
  const folder = join(api.home.folder, 'approvals')
  // A draft of a file has a name with a dot before it.
  return existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => !name.startsWith('.'))
        .sort()
    : []
}

async function client(more: object = {}, agent: AgentHome = api.agent): Promise<Call> {
  const listener = await listenForApi({ api: 'crm', agent: agent.folder, listen: '127.0.0.1:0', ...more })
  listeners.push(listener)
  const key = readFileSync(listener.keyFile ?? '', 'utf8').trim()
  return (path, init = {}) =>
    fetch(`http://${listener.place}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) },
    })
}

const body = JSON.stringify({ name: 'Ada', note: 'delete everything' })

describe('a request to an API that an approval could permit', () => {
  it('is refused with the request for its approval, and permitted once after `procura approve` [GTW-66] [CON-26]', async () => {
    await api.home.open()
    const call = await client()
    const before = api.upstream.seen.length
    const response = await call('/v1/a', { method: 'DELETE' })
    const { headers, status } = response
    const refused = await refusalOf(response)
    expect([status, headers.get('content-type'), headers.get('procura-answer')]).toEqual([
      ...[403, 'application/problem+json', null],
    ])
    const id = idIn(refused)
    expect(refused).toMatchObject({
      code: 'policy_unsatisfied',
      approvable: true,
      detail: expect.stringContaining(`run \`procura approve ${id} --home ${api.home.folder}\` in a terminal`),
      approval: {
        state: 'waiting',
        threshold: 1,
        requests: [{ id: expect.stringMatching(/^[a-z2-7]{16}$/), approver: api.home.owner.did }],
      },
    })
    expect(files()).toEqual([`${id}.request`])
    // The same request while it waits is the same request for an approval.
    expect(idIn(await refusalOf(await call('/v1/a', { method: 'DELETE' })))).toBe(id)
    const said = await approveAt(api.home.folder, [id])
    expect(said.shown).toContain('  - method = "DELETE"')
    expect(said.shown).toContain('  - path = "/v1/a"')
    expect([said.code, api.upstream.seen.length]).toEqual([0, before])
    const permitted = await call('/v1/a', { method: 'DELETE' })
    expect([permitted.status, api.upstream.seen.length]).toEqual([200, before + 1])
    expect(files()).toEqual([])
    const again = await refusalOf(await call('/v1/a', { method: 'DELETE' }))
    expect([again.code, idIn(again) === id]).toEqual(['policy_unsatisfied', false])
    expect(api.upstream.seen.length).toBe(before + 1)
  })

  it('is permitted for this request alone: another path, query or body needs another approval [GTW-66]', async () => {
    await api.home.open()
    const call = await client()
    const first = await refusalOf(await call('/v1/a?b=1', { method: 'POST', body }))
    await approveAt(api.home.folder, [idIn(first)])
    for (const [path, more] of [
      ['/v1/a?b=2', { body }],
      ['/v1/a', { body }],
      ['/v1/b?b=1', { body }],
      ['/v1/a?b=1', { body: `${body} ` }],
      ['/v1/a?b=1', {}],
    ] as const)
      expect.soft((await call(path, { method: 'POST', ...more })).status, path).toBe(403)
    expect((await call('/v1/a?b=1', { method: 'PUT', body })).status).toBe(403)
    expect((await call('/v1/a?b=1', { method: 'POST', body })).status).toBe(200)
    expect((await call('/v1/a?b=1', { method: 'POST', body })).status).toBe(403)
  })

  it('is refused for good by a no, with the reason, and nothing of the policy is in the request [GTW-66]', async () => {
    await api.home.open()
    const call = await client()
    const refused = await refusalOf(await call('/v1/a', { method: 'DELETE' }))
    const kept = readFileSync(join(api.home.folder, 'approvals', `${idIn(refused)}.request`))
    expect(Buffer.from(kept.toString().slice(1), 'base64').includes('GET')).toBe(false)
    await approveAt(api.home.folder, [idIn(refused)], 'no')
    const { approval, detail } = await refusalOf(await call('/v1/a', { method: 'DELETE' }))
    expect(approval?.state).toBe('refused')
    expect(detail).toContain('The approver has refused this call; do not repeat it.')
    expect(api.upstream.seen).toHaveLength(0)
  })

  it('waits for the answer with `approvalWait`, and takes none when its client has left [CON-26]', async () => {
    await api.home.open()
    const call = await client({ approvalWait: 60 })
    const left = new AbortController()
    const gone = call('/v1/a', { method: 'DELETE', signal: left.signal })
    await expect.poll(() => files().length, { timeout: 20_000 }).toBe(1)
    left.abort()
    await expect(gone).rejects.toThrow()
    const [name = ''] = files()
    await approveAt(api.home.folder, [name.slice(0, 16)])
    expect((await call('/v1/a', { method: 'DELETE' })).status).toBe(200)
    const waiting = call('/v1/b', { method: 'DELETE' })
    await expect.poll(() => files().length, { timeout: 20_000 }).toBe(1)
    await approveAt(api.home.folder, [(files()[0] ?? '').slice(0, 16)])
    expect((await waiting).status).toBe(200)
    expect(api.upstream.seen).toHaveLength(2)
  })

  it('is refused a second time with the reason when its approval was used, and asks for no other one [CON-26]', async () => {
    const first = await api.home.open()
    const call = await client()
    const id = idIn(await refusalOf(await call('/v1/a', { method: 'DELETE' })))
    await approveAt(api.home.folder, [id])
    const kept = ['request', 'answer'].map((kind) => join(api.home.folder, 'approvals', `${id}.${kind}`))
    const contents = kept.map((path) => readFileSync(path))
    expect((await call('/v1/a', { method: 'DELETE' })).status).toBe(200)
    await first.close()
    // As after a backup of the folder was restored.
    for (const [at, path] of kept.entries()) writeFileSync(path, contents[at] ?? '', { mode: 0o600 })
    await api.home.open()
    const response = await call('/v1/a', { method: 'DELETE' })
    const refused = await refusalOf(response)
    expect([response.status, refused.approval]).toEqual([
      403,
      { state: 'used', next: expect.stringContaining('the gateway has refused it again; do not repeat it unchanged') },
    ])
    expect(refused.detail).toContain('do not repeat it unchanged')
    expect([api.upstream.seen.length, files()]).toEqual([1, []])
  })

  it('shows its body to the approver, escaped, and only the body whose digest is signed [GTW-68] [attack 102]', async () => {
    await api.home.open()
    const call = await client()
    const hostile = `{"to":"bob"}\u001b[2K\r\nAgent: did:key:z6MkTrusted\u202e`
    const refused = await refusalOf(await call('/v1/a', { method: 'POST', body: hostile }))
    const id = idIn(refused)
    expect(files()).toEqual([`${id}.body`, `${id}.request`])
    const config = await readGatewayConfig(join(api.home.folder, 'gateway.json'))
    const [listed] = await listApprovals({ config })
    expect(Buffer.from(listed?.body ?? []).toString()).toBe(hostile)
    const said = await approveAt(api.home.folder, [id], 'no')
    expect(said.shown).toContain('body of the request, whose digest is an argument:')
    expect(said.shown).toContain('  - "{\\"to\\":\\"bob\\"}')
    expect(said.shown.match(/^Agent:/gm)).toHaveLength(1)
    expect(said.shown.includes('\u001b') || said.shown.includes('\u202e')).toBe(false)
    // A process that writes into the folder shows another body.
    const other = await refusalOf(await call('/v1/b', { method: 'POST', body }))
    writeFileSync(join(api.home.folder, 'approvals', `${idIn(other)}.body`), Buffer.from('{}').toString('base64'), {
      mode: 0o600,
    })
    const replaced = await approveAt(api.home.folder, [idIn(other)], 'no')
    expect(replaced.shown).toContain('THE BODY OF THE REQUEST IS NOT SHOWN')
    const long = await refusalOf(await call('/v1/c', { method: 'POST', body: randomBytes(20_000) }))
    expect(files()).toContain(`${idIn(long)}.request`)
    expect(files()).not.toContain(`${idIn(long)}.body`)
    expect((await approveAt(api.home.folder, [idIn(long)])).shown).toContain('THE BODY OF THE REQUEST IS NOT SHOWN')
  })

  it('is refused with another body than the signed one, and with one that is not base64 [GTW-68] [attack 102]', async () => {
    const [owner, agent, service] = await Promise.all(['owner', 'agent', 'service'].map((name) => actor(name)))
    const [by, at] = [owner as Signer, service as Signer]
    const folder = join(api.home.folder, 'approvals')
    const queue = await openApprovalQueue({ folder, onEvent: () => undefined })
    const call = { service: at.did, subject: by.did, command: apiCommand('crm') }
    const args = await bindRequest({ url: 'https://api.example/v1/a', method: 'POST', body })
    const invocation = await invoke({
      ...{ issuer: agent as Signer, subject: by.did, audience: at.did, command: call.command, args: { ...args } },
    })
    const take = async (text: string): ReturnType<typeof queue.take> => {
      const options = { issuer: agent as Signer, approver: by.did, invocation }
      const { container } = await requestApproval({ approvable: true }, options)
      return queue.take([container], call as never, { approvers: [by.did], threshold: 1 }, text)
    }
    const base64 = (text: string): string => Buffer.from(text).toString('base64')
    for (const wrong of [
      ...['', '%%%', base64(`${body} `), base64('x'.repeat(20_000)), base64(body).slice(4)],
      // Other spellings of the signed body, of which one can have any length.
      ...[` ${base64(body)}`, `${base64(body)}${' '.repeat(4_000_000)}`, `*${base64(body)}`, `${base64(body)}AA`],
      base64(body).replace(/=+$/, ''),
    ]) {
      expect(await take(wrong), wrong.slice(0, 80)).toMatchObject({ message: 'the body is not the one of the request' })
      expect(files()).toEqual([])
    }
    expect(await take(base64(body))).toHaveLength(1)
    expect(files()).toHaveLength(2)
    queue.close()
  })

  it('is not asked for by a response of the API that imitates a refusal [GTW-67]', async () => {
    await api.home.open()
    const call = await client()
    const response = await call('/v1/imitation')
    expect([response.status, response.headers.get('procura-answer')]).toEqual([403, null])
    expect(await response.json()).toEqual({ code: 'policy_unsatisfied', detail: 'no', approvable: true })
    expect(files()).toEqual([])
    expect(api.upstream.seen).toHaveLength(1)
  })

  it('is not asked for where no approval could help [GTW-66]', async () => {
    api.configure({ methods: ['GET'] })
    await api.home.open()
    const call = await client()
    const refused = await refusalOf(await call('/v1/a', { method: 'DELETE' }))
    expect([refused.code, refused.approval]).toEqual(['arguments_invalid', undefined])
    expect(files()).toEqual([])
  })

  it('is not asked for by strangers: without the key, from a page, or without a delegation over TCP [attack 102]', async () => {
    api.home.configure((config) => void Object.assign(config, { listen: { address: '127.0.0.1:0' } }))
    const gateway = await api.home.open()
    const place = { address: gateway.place }
    const parties = { audience: api.home.service.did, subject: api.home.owner.did }
    const agents = await Promise.all(
      ['trusted', 'stranger', 'other'].map((name) =>
        makeAgentHome(join(api.home.folder, 'agents', name), place, parties),
      ),
    )
    const [trusted, stranger, other] = agents as [AgentHome, AgentHome, AgentHome]
    await trusted.give(api.home.owner, '/http/crm', [['==', '.method', 'GET']])
    await other.give(api.home.owner, '/mcp/mail')
    const [listener] = [await listenForApi({ api: 'crm', agent: trusted.folder, listen: '127.0.0.1:0' })]
    listeners.push(listener)
    const key = readFileSync(listener.keyFile ?? '', 'utf8').trim()
    const url = `http://${listener.place}/v1/a`
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(401)
    const page = { authorization: `Bearer ${key}`, origin: 'https://evil.example' }
    expect((await fetch(url, { method: 'DELETE', headers: page })).status).toBe(403)
    expect(files()).toEqual([])
    for (const agent of [stranger, other]) {
      const { approval } = await refusalOf(await (await client({}, agent))('/v1/a', { method: 'DELETE' }))
      expect(approval).toMatchObject({
        state: 'unavailable',
        next: expect.stringMatching(/no valid delegation for `crm`/),
      })
    }
    expect(files()).toEqual([])
    const { approval } = await refusalOf(await (await client({}, trusted))('/v1/a', { method: 'DELETE' }))
    expect(approval?.state).toBe('waiting')
    // A stranger who talks to the gateway itself is asked for the proof as well.
    const said = await conversation(gateway.place, { command: '/http/crm', subject: api.home.owner.did })
    expect(said).toHaveProperty('challenge')
    expect(said).not.toHaveProperty('approvers')
  })

  it('cannot be approved with the key of the agent [attack 102]', async () => {
    await api.home.open()
    const call = await client()
    const refused = await refusalOf(await call('/v1/a', { method: 'DELETE' }))
    const stranger = await actor('stranger')
    expect(stranger.did).not.toBe(api.home.owner.did)
    const own = ['approve', idIn(refused), '--home', api.home.folder, '--from', join(api.agent.folder, 'agent.key')]
    expect(await runCli(own)).toMatchObject({ code: 2, err: expect.stringContaining('a person has to answer') })
    const typed = await approveAt(api.home.folder, [idIn(refused), '--from', join(api.agent.folder, 'agent.key')])
    expect([typed.code, typed.err.includes('is addressed to')]).toEqual([2, true])
    writeFileSync(join(api.home.folder, 'approvals', `${idIn(refused)}.answer`), 'forged', { mode: 0o600 })
    expect((await refusalOf(await call('/v1/a', { method: 'DELETE' }))).approval?.state).toBe('waiting')
    expect(api.upstream.seen).toHaveLength(0)
  })

  it('shows no key of the API and none of the client in its files and answers', async () => {
    await api.home.open()
    const call = await client()
    const response = await call('/v1/a', { method: 'POST', body, headers: { 'x-note': 'canary-header' } })
    const text = await response.text()
    const all = files()
      .map((name) => readFileSync(join(api.home.folder, 'approvals', name), 'utf8'))
      .join('\n')
    const key = readFileSync(listeners[0]?.keyFile ?? '', 'utf8').trim()
    for (const secret of [canary, key, 'canary-header']) expect(`${text}${all}`).not.toContain(secret)
  })

  it('is refused with the reason when the gateway takes no request', async () => {
    const gateway = await api.home.open()
    const faults: string[] = []
    const call = await client({ onFault: (one: string) => faults.push(one) })
    for (let at = 0; at < 33; at++) await call(`/v1/${at}`, { method: 'DELETE' })
    expect(files().length).toBeLessThanOrEqual(32)
    await gateway.close()
    const down = await call('/v1/a', { method: 'DELETE' })
    expect(down.status).toBe(503)
  })
})

/** The first answer of a gateway to somebody who wants approvals. */
function conversation(place: string, approvals: object): Promise<object> {
  const [host = '', port = ''] = place.split(':')
  return new Promise((settle, fail) => {
    const socket = connect(Number(port), host)
    socket.once('error', fail)
    socket.once('data', (line) => {
      socket.destroy()
      settle(JSON.parse(line.toString().split('\n')[0] ?? '{}') as object)
    })
    socket.write(`${JSON.stringify({ procura: 1, approvals })}\n`)
  })
}
