import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateSigner, invoke, type Signer } from 'procura'
import { approve, refuse, requestApproval } from 'procura/approval'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { actor } from '../../../../../../test/support/actors.ts'
import { type ApprovalQueue, openApprovalQueue } from '../../../../src/gateway/serve/approvals/approval-queue.ts'
import { type KeptRequest, readKeptRequest } from '../../../../src/gateway/serve/approvals/kept-request.ts'
import { answerApproval, listApprovals } from '../../../../src/gateway/serve/approvals/review-approvals.ts'
import { type GatewayHome, makeGatewayHome } from '../gateway-home.ts'

const [owner, ann, bob] = await Promise.all([actor('owner'), actor('ann'), actor('bob')])
const [service, agent] = await Promise.all([actor('service'), actor('agent')])
const time = { now: () => present }
let present = 1_800_000_000
const command = '/mcp/mail/send'
const call = { service: service.did, subject: owner.did, command } as never
const all = { approvers: [owner.did, ann.did, bob.did], threshold: 1 }

async function request(
  approver: Signer = owner,
  args: object = { to: 'a' },
  { issuer = agent, of = command, expiresIn = 600 }: { issuer?: Signer; of?: string; expiresIn?: number } = {},
): Promise<string> {
  const invocation = await invoke({
    ...{ issuer, subject: owner.did, audience: service.did, command: of, args: args as never, clock: time },
  })
  const options = { issuer, approver: approver.did, invocation, clock: time, expiresIn }
  return (await requestApproval({ approvable: true }, options)).container
}

const tooMany = { code: 'approval_refused', message: expect.stringContaining('too many requests wait') }

describe('the requests that wait at a gateway', () => {
  let folder: string
  let queue: ApprovalQueue
  const events: string[] = []
  beforeEach(async () => {
    present = 1_800_000_000
    folder = mkdtempSync(join(tmpdir(), 'procura-queue-'))
    events.length = 0
    const onEvent = ({ event }: { readonly event: string }): void => void events.push(event)
    queue = await openApprovalQueue({ folder, onEvent, clock: time })
  })
  afterEach(() => {
    queue.close()
    rmSync(folder, { recursive: true })
  })

  const take = async (containers: readonly string[]): Promise<readonly KeptRequest[]> => {
    const taken = await queue.take(containers, call, all)
    if ('code' in taken) throw new Error(taken.message)
    return taken
  }
  const yes = async (one: KeptRequest | undefined, issuer: Signer): Promise<string | undefined> => {
    const { container } = await approve((one as KeptRequest).request, { issuer, clock: time })
    return queue.answer((one as KeptRequest).id, container)
  }

  it('APR-85 are answered by the first of several answers that come at once, from each process [attack 102]', async () => {
    const config = { approvalsFolder: folder } as never
    for (let round = 0; round < 10; round++) {
      const [one] = await take([await request(owner, { to: `${round}` })])
      const { id, container } = one as KeptRequest
      // Each of them has read the request by itself.
      const read = async () => ((await readKeptRequest(container, { clock: time })) as KeptRequest).request
      const parties = { issuer: owner, clock: time }
      const [approval, refusal] = [await approve(await read(), parties), await refuse(await read(), parties)]
      const from = (answer: string): Promise<void> => answerApproval({ config, id, answer, clock: time })
      const outcomes = await Promise.allSettled([
        from(approval.container),
        from(refusal),
        queue.answer(id, refusal).then((fault) => (fault === undefined ? undefined : Promise.reject(new Error(fault)))),
      ])
      const first = outcomes.findIndex(({ status }) => status === 'fulfilled')
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      const [listed] = (await listApprovals({ config, clock: time })).filter((other) => other.id === id)
      expect(listed?.state).toBe(first === 0 ? 'approved' : 'refused')
      const late = first === 0 ? refusal : approval.container
      await expect(from(late)).rejects.toThrow(`the request \`${id}\` has been answered`)
    }
    expect(readdirSync(folder).filter((name) => name.startsWith('.draft'))).toEqual([])
  })

  it('APR-85 are not answered while something else is in the place of the answer, which the fault names [attack 102]', async () => {
    const [one] = await take([await request()])
    const { id, request: waiting } = one as KeptRequest
    const { container } = await approve(waiting, { issuer: owner, clock: time })
    mkdirSync(join(folder, `${id}.answer`))
    expect(await queue.answer(id, container)).toBe(
      `\`${join(folder, `${id}.answer`)}\` is in the place of the answer, and is not one; remove it, and answer the request again`,
    )
    expect(events).not.toContain('approval_answered')
    rmdirSync(join(folder, `${id}.answer`))
    expect(await queue.answer(id, container)).toBeUndefined()
    expect(events).toContain('approval_answered')
  })

  async function fill(issuer: Signer, count: number, name = 'f'): Promise<readonly KeptRequest[]> {
    const taken: KeptRequest[] = []
    for (let at = 0; at < count; at++)
      taken.push(...(await take([await request(owner, { to: `${name}${at}` }, { issuer })])))
    return taken
  }

  it('APR-98 are of one agent and one call, addressed to an approver, and are taken once', async () => {
    const reasons = await Promise.all(
      [
        [],
        ['x'],
        [await request(service)],
        [await request(owner, {}, { of: '/mcp/mail/other' })],
        [await request(owner), await request(owner)],
        [await request(owner), await request(ann, { to: 'b' })],
        [await request(owner), await request(ann, { to: 'a' }, { issuer: bob })],
      ].map(async (containers) => Object(await queue.take(containers, call, all)).message),
    )
    expect(reasons).toEqual([
      'there is no request',
      'it is not a request for an approval',
      'a request is for another call or approver',
      'a request is for another call or approver',
      'the requests are not for one call',
      'the requests are not for one call',
      'the requests are not for one call',
    ])
    const replayed = await request()
    expect(await take([replayed])).toHaveLength(1)
    expect(await queue.take([replayed], call, all)).toMatchObject({
      message: expect.stringMatching(/replay|already|used/),
    })
  })

  it('APR-82 are few, and those that wait for the same call take the place of new ones', async () => {
    const [first] = await take([await request()])
    const [again] = await take([await request()])
    expect(again?.id).toBe(first?.id)
    for (let at = 1; at < 32; at++) await take([await request(owner, { to: String(at) })])
    // The limit of one agent leaves room for another one.
    expect(await take([await request(owner, { to: 'more' }, { issuer: bob })])).toHaveLength(1)
    expect(readdirSync(folder).filter((name) => name.endsWith('.request'))).toHaveLength(33)
    present += 601
    await take([await request(owner, { to: 'later' })])
    expect(readdirSync(folder)).toHaveLength(1)
  })

  it('APR-82 make room for a newer one of their agent, the oldest without an answer first', async () => {
    const taken = await fill(agent, 32)
    expect(await yes(taken[0], owner)).toBeUndefined()
    const [newer] = await take([await request(owner, { to: 'more' })])
    const stays = async (one: KeptRequest | undefined): Promise<boolean> =>
      (await queue.collect([one as KeptRequest], 1)) !== 'gone'
    expect(await Promise.all([taken[0], taken[1], taken[2], newer].map(stays))).toEqual([true, false, true, true])
    expect(events.filter((one) => one === 'approval_displaced')).toHaveLength(1)
    // One whose answer is being received stays as well, and so does one with an answer that nobody has received.
    for (const one of taken.slice(2)) expect(await yes(one, owner)).toBeUndefined()
    expect(await yes(newer, owner)).toBeUndefined()
    expect(await queue.take([await request(owner, { to: 'last' })], call, all)).toMatchObject(tooMany)
  })

  it('APR-82 are at most 256, and none of another agent is displaced then [attack 98]', async () => {
    const waiting: KeptRequest[] = []
    for (let count = 0; count < 8; count++) waiting.push(...(await fill(await generateSigner(), 32)))
    expect(readdirSync(folder)).toHaveLength(256)
    const issuer = await generateSigner()
    expect(await queue.take([await request(owner, { to: 'z' }, { issuer })], call, all)).toMatchObject(tooMany)
    for (const one of waiting) expect(await queue.find(one.id, owner.did)).toMatchObject({ id: one.id })
  })

  it('APR-82 of the agents below one agent are its own, however many it makes [attack 98]', async () => {
    const mine = await fill(agent, 2)
    const handIn = async (issuer: Signer, firstAgent: string): ReturnType<typeof queue.take> => {
      const proven = { ...Object(call), agent: issuer.did, firstAgent }
      return queue.take([await request(owner, { to: 'x' }, { issuer })], proven, all)
    }
    const first = (await handIn(await generateSigner(), ann.did)) as readonly KeptRequest[]
    for (let at = 0; at < 32; at++) expect(await handIn(await generateSigner(), ann.did)).toHaveLength(1)
    expect(await queue.find(first[0]?.id as string, owner.did)).toBe(undefined)
    expect(readdirSync(folder)).toHaveLength(34)
    expect(await handIn(bob, bob.did)).toHaveLength(1)
    for (const one of mine) expect(await queue.find(one.id, owner.did)).toMatchObject({ id: one.id })
    expect(readdirSync(folder)).toHaveLength(35)
  })

  it('APR-82 are found by the page as the newest one of a call, for whose answer the agent waits', async () => {
    const [first] = await take([await request()])
    present += 550
    const [second] = await take([await request()])
    expect(second?.id).not.toBe(first?.id)
    for (const one of [first, second]) expect((await queue.find(one?.id as string, owner.did))?.id).toBe(second?.id)
    expect(await yes(second, owner)).toBeUndefined()
    expect(await queue.collect([second as KeptRequest], 1)).toMatchObject({ answer: 'approved' })
  })

  it('APR-82 are shown to an approver until they expire, and each answer is reported by its event', async () => {
    const [short] = await take([await request(owner, { to: 'a' }, { expiresIn: 60 })])
    const [long] = await take([await request(owner, { to: 'b' }, { expiresIn: 600 })])
    const shown = async (one: KeptRequest | undefined): Promise<string | undefined> =>
      (await queue.find((one as KeptRequest).id, owner.did))?.id
    present += 60
    expect([await shown(short), await shown(long)]).toEqual([short?.id, long?.id])
    present += 1
    expect([await shown(short), await shown(long)]).toEqual([undefined, long?.id])
    expect(await yes(long, owner)).toBeUndefined()
    expect(await shown(long)).toBeUndefined()
    expect(events).toEqual(['approval_requested', 'approval_requested', 'approval_answered'])
  })

  it('APR-82 are found again by the next process, without those that are false', async () => {
    const [kept] = await take([await request()])
    writeFileSync(join(folder, 'aaaaaaaaaaaaaaaa.request'), await request(owner, { to: 'b' }), { mode: 0o600 })
    writeFileSync(join(folder, 'notes.txt'), 'mine')
    writeFileSync(join(folder, 'bbbbbbbbbbbbbbbb.answer'), 'x')
    writeFileSync(join(folder, '.draft-0'), 'x')
    utimesSync(join(folder, '.draft-0'), 1, 1)
    const next = await openApprovalQueue({ folder, onEvent: () => undefined, clock: time })
    next.close()
    expect((await next.find((kept as KeptRequest).id, owner.did))?.id).toBe(kept?.id)
    expect(readdirSync(folder).sort()).toEqual([`${kept?.id}.request`, 'notes.txt'].sort())
  })

  it('APR-83 are answered when the threshold is reached, or cannot be reached', async () => {
    const kept = await take([await request(owner), await request(ann), await request(bob)])
    expect(await queue.collect(kept, 2)).toBeUndefined()
    const refusal = await refuse((kept[1] as KeptRequest).request, { issuer: ann, clock: time })
    expect(await queue.answer((kept[0] as KeptRequest).id, refusal)).toMatch(/not an answer of the approver/)
    expect(await queue.collect(kept, 2)).toBeUndefined()
    expect(await yes(kept[0], owner)).toBeUndefined()
    expect(await queue.answer((kept[0] as KeptRequest).id, refusal)).toMatch(/not an answer of the approver/)
    expect(await queue.collect(kept, 2)).toBeUndefined()
    expect(await queue.collect(kept, 1)).toMatchObject({ answer: 'approved', answers: [{}] })
    // They are lent to one agent at a time, and given out once.
    expect(await queue.collect(kept, 1)).toBeUndefined()
    await queue.settle(kept, false)
    expect(await queue.collect(kept, 1)).toMatchObject({ answer: 'approved' })
    await queue.settle(kept, true)
    expect(await queue.collect(kept, 1)).toBe('gone')
    expect(readdirSync(folder)).toEqual([])
    const refused = await take([await request(owner), await request(ann)])
    const no = await refuse((refused[0] as KeptRequest).request, { issuer: owner, clock: time })
    await queue.answer((refused[0] as KeptRequest).id, no)
    expect(await queue.collect(refused, 2)).toMatchObject({ answer: 'refused' })
    await queue.settle(refused, true)
    // Where one approval is enough, one refusal is.
    const either = await take([await request(owner), await request(ann)])
    const first = await refuse((either[1] as KeptRequest).request, { issuer: ann, clock: time })
    expect(await queue.answer((either[1] as KeptRequest).id, first)).toBeUndefined()
    expect(await queue.answer((either[1] as KeptRequest).id, first)).toBe('the request has been answered')
    expect(await queue.find((either[0] as KeptRequest).id, ann.did)).toBeUndefined()
    expect(await queue.collect(either, 1)).toMatchObject({ answer: 'refused', answers: [{}] })
  })
})

describe('the conversation of an agent with the gateway', () => {
  let home: GatewayHome
  let place: string
  const sockets: Socket[] = []
  beforeEach(async () => {
    home = await makeGatewayHome()
    place = (await home.open()).place
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await home.remove()
  })

  /** Sends lines, and collects the lines of the gateway until the connection ends. */
  async function talk(lines: readonly unknown[]): Promise<readonly Record<string, unknown>[]> {
    const socket = connect(place, () => void socket.write(lines.map((line) => `${JSON.stringify(line)}\n`).join('')))
    sockets.push(socket)
    let text = ''
    await new Promise<void>((settle, fail) => {
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('error', fail).on('end', () => settle())
    })
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  }

  const first = (change: object = {}): object => ({
    procura: 1,
    approvals: { command, subject: home.owner.did, ...change },
  })

  it('APR-84 begins with a command of an accepted tool and a subject of the gateway', async () => {
    const refused = async (line: object): Promise<unknown> => {
      const [answer] = await talk([line])
      return Object(answer?.['error']).message
    }
    expect(await refused(first({ command: '/mcp/mail/none' }))).toBe('no accepted tool and no API has this command')
    expect(await refused(first({ command: '/gateway/start/mail' }))).toBe(
      'no accepted tool and no API has this command',
    )
    expect(await refused(first({ subject: agent.did }))).toBe('the gateway does not act for this subject')
    expect(await refused(first({ more: 1 }))).toMatch(/the first line must be/)
    expect(await refused({ procura: 1, approvals: { command } })).toMatch(/the first line must be/)
    expect(await refused({ ...first(), server: 'mail' })).toMatch(/the first line must be/)
  })

  it('APR-84 names the gateway and the approvers, and takes one line with requests', async () => {
    for (const second of [
      'x',
      {},
      { requests: [1], wait: 0 },
      { requests: [], wait: -1 },
      { requests: [], wait: 0.5 },
      { requests: [], wait: 0, more: 1 },
    ]) {
      const [hello, answer] = await talk([first(), second])
      expect(hello).toEqual({ procura: 1, audience: home.service.did, approvers: [home.owner.did], threshold: 1 })
      expect(answer).toMatchObject({ error: { code: 'approval_refused' } })
    }
    const [, answer] = await talk([first(), { requests: ['C'], wait: 0 }])
    expect(answer).toMatchObject({ error: { message: 'it is not a request for an approval' } })
  })

  it('APR-83 APR-84 leaves the answers at the gateway when it ends, or sends more, without the confirmation', async () => {
    const invocation = await invoke({
      ...{ issuer: agent, subject: home.owner.did, audience: home.service.did, command, args: { to: 'x' } },
    })
    const options = { issuer: agent, approver: home.owner.did, invocation, expiresIn: 600 }
    /** Hands in the request, and sends a third line when the answers have arrived. Without one, it leaves. */
    const hand = async (third?: unknown): Promise<readonly Record<string, unknown>[]> => {
      const { container: request } = await requestApproval({ approvable: true }, options)
      const lines = [first(), { requests: [request], wait: 0 }]
      let text = ''
      await new Promise<void>((settle, fail) => {
        const socket = connect(place, () => void socket.write(lines.map((one) => `${JSON.stringify(one)}\n`).join('')))
        sockets.push(socket)
        socket.on('error', fail).on('end', () => settle())
        socket.on('data', (chunk) => {
          text += chunk.toString()
          if (!text.includes('"answer":"approved"') || text.includes('"settled"')) return
          if (third === undefined) settle(void socket.destroy())
          else socket.write(`${JSON.stringify(third)}\n`)
        })
      })
      return text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    }
    const [, { waiting } = {}] = await hand()
    const [{ id, container }] = waiting as readonly [{ readonly id: string; readonly container: string }]
    const reading = await readKeptRequest(container)
    if ('code' in reading) throw new Error(reading.message)
    const { container: answer } = await approve(reading.request, { issuer: home.owner })
    writeFileSync(join(home.folder, 'approvals', `${id}.answer`), answer, { mode: 0o600 })
    for (const third of [{ received: 'true' }, { received: true, more: 1 }, { received: false }, null])
      expect((await hand(third)).slice(2)).toEqual([
        expect.objectContaining({ answer: 'approved' }),
        { procura: 1, settled: false },
      ])
    expect((await hand()).at(2)).toMatchObject({ answer: 'approved' })
    // The gateway may not have seen yet that the agent has left. Until then, the answers are lent.
    await expect.poll(async () => (await hand({ received: true })).at(-1)).toEqual({ procura: 1, settled: true })
    expect((await hand()).at(-1)).toEqual({ procura: 1, answers: [] })
  })

  it('APR-99 lets few conversations of one agent wait, so that others can [attack 98]', async () => {
    const hand = async (issuer: Signer, to: string): Promise<Socket> => {
      const invocation = await invoke({
        ...{ issuer, subject: home.owner.did, audience: home.service.did, command, args: { to } },
      })
      const options = { issuer, approver: home.owner.did, invocation, expiresIn: 600 }
      const { container } = await requestApproval({ approvable: true }, options)
      const lines = [first(), { requests: [container], wait: 600 }]
      const socket = connect(place, () => void socket.write(lines.map((line) => `${JSON.stringify(line)}\n`).join('')))
      sockets.push(socket.resume())
      return socket
    }
    let ended = 0
    for (let at = 0; at < 20; at++) (await hand(agent, `${at}`)).on('end', () => void ended++)
    await expect.poll(() => ended).toBe(12)
    let own = 0
    for (let at = 0; at < 9; at++) (await hand(bob, `${at}`)).on('end', () => void own++)
    await expect.poll(() => own).toBe(1)
    expect([ended, own]).toEqual([12, 1])
  })

  it('APR-99 has a bounded number of connections [attack 98]', async () => {
    const open = async (): Promise<Socket> => {
      const socket = connect(place, () => void socket.write(`${JSON.stringify(first())}\n`))
      sockets.push(socket.on('error', () => undefined))
      await new Promise((settle) => socket.once('data', settle))
      return socket
    }
    const [oldest, ...others] = await Promise.all(Array.from({ length: 32 }, open))
    // They have not sent their requests, so the oldest of them makes room.
    const ended = new Promise((settle) => oldest?.once('close', settle))
    const next = await open()
    await ended
    expect([next, ...others].filter(({ destroyed }) => destroyed)).toEqual([])
    expect(await talk([first(), { requests: ['C'], wait: 0 }])).toMatchObject([
      { audience: home.service.did },
      { error: { message: 'it is not a request for an approval' } },
    ])
  })
})
