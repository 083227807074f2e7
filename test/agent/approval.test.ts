import { describe, expect, it, vi } from 'vitest'
import type { CallApproval } from '../../src/agent/call-approval.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import type { SendCall } from '../../src/agent/send-call.ts'
import { approve } from '../../src/approval/approve.ts'
import { readApprovalRequest } from '../../src/approval/read-request.ts'
import { refuse } from '../../src/approval/refuse.ts'
import type { SentRequest } from '../../src/approval/request-approval.ts'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { openContainer } from '../../src/core/authorization/open-container.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { like } from '../../src/core/capability/policy/build.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { actor } from '../support/actors.ts'

const owner = await actor('owner')
const signer = await actor('agent')
const service = await actor('service')
const send = defineCommand({ command: '/mail/send', args: { to: email() } })
const grant = await delegate({
  issuer: owner,
  audience: signer.did,
  command: '/mail',
  policy: [like('.to', '*@example.com')],
})
const authorizer = createAuthorizer({
  audience: service.did,
  subjects: [owner.did],
  commands: [send],
  ...memoryStores(),
})

/** A service that counts its requests. */
function newService(): { readonly send: SendCall; readonly requests: string[] } {
  const requests: string[] = []
  const send: SendCall = async ({ container }) => {
    const decision = await authorizer.authorize(container)
    requests.push(decision.allowed ? 'allowed' : decision.denial.code)
    if (decision.allowed) return { ok: true, value: decision.authorization.args['to'] }
    const { code, message, approvable } = decision.denial
    return { ok: false, denial: { code, message, ...(approvable !== undefined && { approvable: true as const }) } }
  }
  return { send, requests }
}

async function received({ container }: SentRequest) {
  const reading = await readApprovalRequest(container, { approver: owner.did })
  if (!reading.valid) throw new Error(reading.denial.message)
  return reading.request
}

const agreeing = vi.fn(
  async (request: SentRequest) => (await approve(await received(request), { issuer: owner })).container,
)
const approvalBy = (ask: CallApproval['ask']): CallApproval => ({ approvers: [owner.did], ask, reason: 'Eve asked' })

describe('AGT-19 a call that people may approve', () => {
  it('is made once when the agent may make it', async () => {
    const { send: toService, requests } = newService()
    const agent = await openAgent({
      signer,
      delegations: [grant],
      services: [{ audience: service.did, send: toService }],
    })
    const result = await agent.call(send, { to: 'bob@example.com' }, { approval: approvalBy(agreeing) })
    expect(result).toMatchObject({ ok: true, value: 'bob@example.com' })
    expect(requests).toEqual(['allowed'])
    expect(agreeing).not.toHaveBeenCalled()
  })

  it('reports that it may have been executed when the service does not answer in time', async () => {
    const services = [{ audience: service.did, send: () => new Promise<never>(() => undefined) }]
    const agent = await openAgent({ signer, delegations: [grant], services })
    const approval = { ...approvalBy(agreeing), expiresIn: 1 }
    await expect(agent.call(send, { to: 'bob@example.com' }, { approval, timeoutMs: 50 })).rejects.toMatchObject({
      name: 'TimeoutError',
      message: expect.stringMatching(/^the call did not end within 1050 ms, and the service may have executed it/),
    })
  })

  it('is sent after the approval when the agent itself refuses it, and then once', async () => {
    const { send: toService, requests } = newService()
    const agent = await openAgent({
      signer,
      delegations: [grant],
      services: [{ audience: service.did, send: toService }],
    })
    const options = { approval: approvalBy(agreeing) }
    expect(await agent.call(send, { to: 'eve@evil.test' }, options)).toMatchObject({ ok: true, value: 'eve@evil.test' })
    expect(requests).toEqual(['allowed'])
    expect(agreeing.mock.calls[0]?.[0]).toMatchObject({
      agent: signer.did,
      args: { to: 'eve@evil.test' },
      reason: 'Eve asked',
    })
    // The approval was for this call.
    expect((await agent.can(send, { to: 'eve@evil.test' })).ok).toBe(false)
  })

  it('is sent again after the approval when the service alone refuses it', async () => {
    const { send: toService, requests } = newService()
    const sent: string[] = []
    const agent = await openAgent({
      signer,
      delegations: [grant],
      services: [
        {
          audience: service.did,
          send: async (request, options) => {
            const { invocations } = await openContainer(request.container)
            expect(request.invocation.cid).toEqual(invocations[0]?.cid)
            sent.push(String(request.invocation.cid))
            const denial = { code: 'policy_unsatisfied', message: 'ask the owner', approvable: true } as const
            return sent.length === 1 ? { ok: false, denial } : toService(request, options)
          },
        },
      ],
    })
    agreeing.mockClear()
    const result = await agent.call(send, { to: 'bob@example.com' }, { approval: approvalBy(agreeing) })
    expect(result).toMatchObject({ ok: true, value: 'bob@example.com' })
    expect([new Set(sent).size, requests, agreeing.mock.calls.length]).toEqual([2, ['allowed'], 1])
  })

  it('ends with its signal, and so does the question', async () => {
    const { send: toService, requests } = newService()
    const agent = await openAgent({
      signer,
      delegations: [grant],
      services: [{ audience: service.did, send: toService }],
    })
    const leaving = new AbortController()
    let asking: AbortSignal | undefined
    const ask: CallApproval['ask'] = (_request, { signal }) => {
      asking = signal
      leaving.abort(new Error('the user has left'))
      return new Promise(() => undefined)
    }
    const options = { approval: approvalBy(ask), signal: leaving.signal }
    await expect(agent.call(send, { to: 'eve@evil.test' }, options)).rejects.toThrow('the user has left')
    expect(asking?.aborted).toBe(true)
    expect(requests).toEqual([])
  })

  it('has the options of a call that its invocation contains, and refuses a nonce', async () => {
    const { send: toService } = newService()
    const agent = await openAgent({
      signer,
      delegations: [grant],
      services: [{ audience: service.did, send: toService }],
    })
    for (const to of ['bob@example.com', 'eve@evil.test']) {
      const options = { approval: approvalBy(agreeing), expiresIn: 17, meta: { trace: 'a' }, cause: grant.cid }
      const { invocation } = await agent.call(send, { to }, options)
      expect(invocation).toMatchObject({ meta: { trace: 'a' }, cause: grant.cid })
      expect(Number(invocation?.expiration) - Number(invocation?.issuedAt)).toBe(17)
      await expect(agent.call(send, { to }, { ...options, nonce: new Uint8Array(12) })).rejects.toThrow(
        /`nonce` and `approval` exclude each other/,
      )
    }
  })

  it('also for an agent that holds nothing, if it names the subject', async () => {
    const { send: toService, requests } = newService()
    const agent = await openAgent({ signer, services: [{ audience: service.did, send: toService }] })
    const options = { approval: approvalBy(agreeing), subject: owner.did }
    expect(await agent.call(send, { to: 'ann@example.com' }, options)).toMatchObject({ ok: true })
    expect(requests).toEqual(['allowed'])
  })

  it.each<[string, CallApproval['ask']]>([
    ['refused', async (request) => refuse(await received(request), { issuer: owner })],
    ['not answered', async () => undefined],
    ['answered with something else', async () => 'Cgarbage'],
    ['not delivered', () => Promise.reject(new Error('offline'))],
  ])('and is not sent when it is %s', async (_, ask) => {
    const { send: toService, requests } = newService()
    const agent = await openAgent({
      signer,
      delegations: [grant],
      services: [{ audience: service.did, send: toService }],
    })
    const result = await agent.call(send, { to: 'eve@evil.test' }, { approval: approvalBy(ask) })
    expect(result).toMatchObject({ ok: false, reason: 'not_permitted', denial: { code: 'policy_unsatisfied' } })
    expect(requests).toEqual([])
  })

  it('nor asked about when an approval could not permit it', async () => {
    const { send: toService, requests } = newService()
    const ask = vi.fn(async () => undefined)
    const agent = await openAgent({
      signer,
      delegations: [grant],
      services: [{ audience: service.did, send: toService }],
    })
    const result = await agent.call(send, { to: 'nobody' }, { approval: approvalBy(ask) })
    expect(result).toMatchObject({ reason: 'not_permitted', denial: { code: 'arguments_invalid' } })
    expect(ask).not.toHaveBeenCalled()
    expect(requests).toEqual([])
  })

  it.each<[string, () => unknown, string | undefined]>([
    ['an error of `ask`', () => Promise.reject(new Error('no mail today')), 'no mail today'],
    ['an approval in the place of its container', () => ({ container: 'x' }), '`ask` must resolve with a string'],
    ['an invalid answer', () => 'yes', 'the answer of an approver is invalid: '],
    ['no answer', () => undefined, undefined],
  ])('is refused after %s, and `onError` receives the reason', async (_, answer, reason) => {
    const onError = vi.fn((_error: unknown) => {
      throw new Error('a reporter that fails changes nothing')
    })
    const services = [{ audience: service.did, send: newService().send }]
    const agent = await openAgent({ signer, delegations: [grant], services, onError })
    const approval = approvalBy((async () => answer()) as CallApproval['ask'])
    const helper = await agent.attenuateFor({ commands: [send] })
    for (const caller of [agent, helper]) {
      onError.mockClear()
      const result = await caller.call(send, { to: 'eve@evil.example' }, { approval })
      expect(result).toMatchObject({ ok: false, reason: 'not_permitted', denial: { code: 'policy_unsatisfied' } })
      expect(onError.mock.calls.map(([error]) => (error as Error).message)).toEqual(
        reason === undefined ? [] : [expect.stringContaining(reason)],
      )
    }
  })

  it('needs approvers and a way to ask them', async () => {
    const agent = await openAgent({ signer, services: [{ audience: service.did, send: newService().send }] })
    const call = (approval: object) => agent.call(send, { to: 'bob@example.com' }, { approval: approval as never })
    await expect(call({ approvers: [], ask: agreeing })).rejects.toThrow('`approvers`')
    await expect(call({ approvers: [owner.did] })).rejects.toThrow('`ask`')
    await expect(call({ approvers: [owner.did], ask: agreeing, reasn: 'x' })).rejects.toThrow('`reason`')
  })
})
