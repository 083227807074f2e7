import { describe, expect, it } from 'vitest'
import { approve } from '../../src/approval/approve.ts'
import { accessRequest, readAccessRequest } from '../../src/approval/authzen/access-request.ts'
import { accessTask, readAccessTask } from '../../src/approval/authzen/access-task.ts'
import { requestableDecision } from '../../src/approval/authzen/requestable-decision.ts'
import { requestMember } from '../../src/approval/authzen/wire.ts'
import { refuse } from '../../src/approval/refuse.ts'
import { memoryLimitStore } from '../../src/authorization/limits/memory-limit-store.ts'
import { encodeContainer } from '../../src/container/container.ts'
import { ArgumentError } from '../../src/errors.ts'
import { invoke } from '../../src/invocation/invoke.ts'
import { clock, now } from '../support/actors.ts'
import { createService, service } from '../support/service.ts'
import { agent, denialOf, mallory, owner, receivedRequest, refusedCall, sentRequest } from './cast.ts'

const evaluationId = 'a3b0c442'
const later = { now: (): number => now + 601 }
const place = { id: '5f2b', statusEndpoint: 'https://approve.example/tasks/5f2b' }

/** A value after its way as JSON. */
const overJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

const decision = overJson(requestableDecision(await denialOf(await refusedCall()), { evaluationId, clock }))
const sent = await sentRequest({ reason: 'Bob asked' })
const body = overJson(accessRequest(sent, decision))
const read = (value: unknown, change: object = {}) =>
  readAccessRequest(value, { approver: owner.did, clock, ...change })

/** A task with an answer of the owner. */
async function answered(answer: 'approved' | 'refused', request = sent) {
  const received = await receivedRequest(request)
  if (answer === 'approved') {
    return overJson(accessTask(received, { ...place, approval: await approve(received, { issuer: owner, clock }) }))
  }
  return overJson(
    accessTask(received, { ...place, refusal: await refuse(received, { issuer: owner, reason: 'no', clock }) }),
  )
}

describe('an approval in the form of AuthZEN', () => {
  it('APR-70 APR-73 goes from the denial to a call that the service allows', async () => {
    expect(decision).toEqual({
      decision: false,
      context: {
        evaluation_id: evaluationId,
        reason: 'policy_unsatisfied',
        access_request: { expires_at: new Date((now + 600) * 1_000).toISOString().replace('.000', '') },
      },
    })
    expect(body).toEqual({
      subject: { type: 'did', id: agent.did },
      resource: { type: 'did', id: owner.did, properties: { service: service.did } },
      action: { name: '/mail/send' },
      context: { [requestMember]: sent.container, business_justification: 'Bob asked' },
      denial: {
        evaluation_id: evaluationId,
        expires_at: decision.context.access_request.expires_at,
        reason: 'policy_unsatisfied',
      },
    })
    const reading = await read(body)
    if (!reading.valid) throw new Error(reading.problem.detail)
    expect(reading.denial.evaluation_id).toBe(evaluationId)
    expect(await readAccessTask(overJson(accessTask(reading.request, place)), { request: sent, clock })).toEqual({
      answer: 'pending',
    })
    const approval = await approve(reading.request, { issuer: owner, clock })
    const task = overJson(accessTask(reading.request, { ...place, approval }))
    expect(task).toMatchObject({
      task: { ...{ id: '5f2b', status: 'approved', status_endpoint: place.statusEndpoint } },
      result: { mode: 'reevaluate', approval: { id: String(approval.delegation.cid) } },
    })
    const answer = await readAccessTask(task, { request: sent, clock })
    if (answer.answer !== 'approved') throw new Error(answer.answer)
    const { command, args } = sent
    const { proofs } = answer
    const call = await invoke({ issuer: agent, audience: service.did, command, args, proofs, clock })
    const authorizer = createService({ limitStore: memoryLimitStore({ clock }) })
    expect(await authorizer.authorize(encodeContainer([call, ...proofs]))).toMatchObject({ allowed: true })
  })

  it('APR-73 carries a signed refusal', async () => {
    const task = await answered('refused')
    expect(task.task.status).toBe('denied')
    expect(task).not.toHaveProperty('result')
    expect(await readAccessTask(task, { request: sent, clock })).toEqual({ answer: 'refused', reason: 'no' })
  })

  it('APR-72 contains nothing of the policy', async () => {
    const text = JSON.stringify([decision, body])
    expect(text).not.toContain('secret-limit')
    expect(() => requestableDecision({ code: 'revoked' }, { evaluationId })).toThrow(
      'an approval cannot permit this call',
    )
  })

  it('repeats what another decision point identified the denial by, and ignores what it does not know', () => {
    const foreign = {
      decision: false,
      further: 1,
      context: {
        evaluated_at: '2026-05-12T15:00:00Z',
        reason: 'approval_required',
        access_request: {
          endpoint: 'https://pdp.example/requests',
          expires_at: '2026-05-12T15:10:00.5+02:00',
          binding_token: 'a.b.c',
          template: 'manager',
          display: { title: 'Request access' },
        },
      },
    }
    expect(accessRequest(sent, foreign).denial).toEqual({
      evaluated_at: '2026-05-12T15:00:00Z',
      expires_at: '2026-05-12T15:10:00.5+02:00',
      reason: 'approval_required',
      binding_token: 'a.b.c',
      template: 'manager',
    })
  })

  it.each<[string, unknown]>([
    ['null', null],
    ['an allow', { ...decision, decision: true }],
    ['no `access_request`', { decision: false, context: { evaluation_id: 'a' } }],
    ['no `expires_at`', { decision: false, context: { evaluation_id: 'a', access_request: {} } }],
    [
      'an `expires_at` that is no time',
      { decision: false, context: { evaluation_id: 'a', access_request: { expires_at: 'soon' } } },
    ],
    [
      'nothing that identifies it',
      { decision: false, context: { access_request: { expires_at: '2026-05-12T15:10:00Z' } } },
    ],
    ['inherited members', Object.create(decision)],
  ])('is not requested for a decision with %s', (_, foreign) => {
    expect(() => accessRequest(sent, foreign)).toThrow(ArgumentError)
  })
})

describe('a hostile access request', () => {
  it.each<[string, string, unknown]>([
    ['null', 'not_requestable', null],
    ['a list', 'not_requestable', [body]],
    ['no denial', 'not_requestable', { ...body, denial: undefined }],
    ['a denial without an id', 'not_requestable', { ...body, denial: { expires_at: body.denial.expires_at } }],
    ['no signed request', 'invalid_denial_binding', { ...body, context: {} }],
    [
      'a signed request that is garbage',
      'invalid_denial_binding',
      { ...body, context: { [requestMember]: 'garbage' } },
    ],
    [
      'a signed request that is a list',
      'invalid_denial_binding',
      { ...body, context: { [requestMember]: [sent.container] } },
    ],
    ['a huge signed request', 'invalid_denial_binding', { ...body, context: { [requestMember]: 'a'.repeat(600_000) } }],
    ['another agent', 'invalid_denial_binding', { ...body, subject: { type: 'did', id: mallory.did } }],
    ['no subject', 'invalid_denial_binding', { ...body, subject: undefined }],
    ['another owner', 'invalid_denial_binding', { ...body, resource: { ...body.resource, id: mallory.did } }],
    [
      'another service',
      'invalid_denial_binding',
      { ...body, resource: { ...body.resource, properties: { service: owner.did } } },
    ],
    ['another command', 'invalid_denial_binding', { ...body, action: { name: '/mail' } }],
    ['items', 'invalid_denial_binding', { ...body, items: [] }],
    [
      'a denial that has expired',
      'expired_denial',
      { ...body, denial: { ...body.denial, expires_at: new Date((now - 1) * 1_000).toISOString() } },
    ],
  ])('APR-71 with %s is refused with %s', async (_, name, value) => {
    expect(await read(value)).toMatchObject({
      valid: false,
      problem: { type: `urn:openid:authzen:access-request:error:${name}`, detail: expect.any(String) },
    })
  })

  it('APR-71 is refused if the signed request has expired, is for another approver, or is signed by another agent', async () => {
    expect(await read(body, { clock: later })).toMatchObject({ valid: false, problem: { status: 410 } })
    expect(await read(body, { approver: mallory.did })).toMatchObject({ valid: false, problem: { status: 400 } })
    expect(await read(body, { agents: [mallory.did] })).toMatchObject({ valid: false, problem: { status: 400 } })
  })

  it('APR-71 is not refused finally if a store fails', async () => {
    const revocations = { findRevocations: () => Promise.reject(new Error('down')) }
    expect(await read(body, { revocations })).toMatchObject({
      valid: false,
      problem: { type: 'about:blank', status: 503 },
    })
  })

  it('APR-71 may have members that are not defined, and another reason in clear', async () => {
    const context = { ...body.context, business_justification: 'another', 'urn:example:x': 1 }
    const reading = await read({ ...body, context, client: { id: 'a' }, further: 1 })
    expect(reading.valid && reading.request.reason).toBe('Bob asked')
  })
})

describe('a hostile task', () => {
  const readTask = (value: unknown, change: object = {}) => readAccessTask(value, { request: sent, clock, ...change })

  it('APR-74 is not an approval', async () => {
    const task = await answered('approved')
    const other = await answered('approved', await sentRequest({ args: { to: 'eve@example.com', subject: 'Report' } }))
    const refused = await answered('refused')
    const approval = { ...task.result?.approval }
    const results: readonly [string, unknown][] = [
      ['invalid', null],
      ['invalid', { task: { status: 'done' } }],
      ['invalid', { ...task, task: { ...task.task, status: 'Approved' } }],
      ['invalid', { ...task, result: { ...task.result, mode: 'https://example.com/token' } }],
      ['invalid', { ...task, result: undefined }],
      ['invalid', { ...task, result: { mode: 'reevaluate', approval: { ...approval, state: 'garbage' } } }],
      ['invalid', { ...task, result: { mode: 'reevaluate', approval: { ...approval, state: { a: 1 } } } }],
      ['invalid', { ...task, result: { mode: 'reevaluate', approval: { ...approval, approved_until: undefined } } }],
      [
        'invalid',
        {
          ...task,
          result: {
            mode: 'reevaluate',
            approval: { ...approval, state: refused.task.display?.[Object.keys(refused.task.display)[0] ?? ''] },
          },
        },
      ],
      ['invalid', { ...task, result: other.result }],
      ['pending', { ...task, task: { ...task.task, status: 'pending' } }],
      ['closed', { ...task, task: { ...task.task, status: 'denied' } }],
      ['closed', { task: { status: 'expired' } }],
      ['closed', { task: { status: 'cancelled' } }],
      ['closed', { task: { status: 'failed' } }],
      ['closed', { ...refused, task: { ...refused.task, display: {} } }],
    ]
    for (const [expected, value] of results)
      expect.soft((await readTask(value)).answer, JSON.stringify(value)).toBe(expected)
    expect(await readTask(task, { clock: later })).toMatchObject({ answer: 'invalid' })
    expect(await readTask(task)).toMatchObject({ answer: 'approved' })
  })

  it('refuses options that are invalid, and two answers at once', async () => {
    const received = await receivedRequest(sent)
    const both = { ...place, refusal: 'a', status: 'pending' } as const
    expect(() => accessTask(received, both)).toThrow('give one of')
    expect(() => accessTask(received, { ...place, statusEndpoint: 'http://approve.example' })).toThrow('`https:`')
    expect(() => accessTask(received, { ...place, status: 'approved' as never })).toThrow(ArgumentError)
    await expect(readTask({ task: { status: 'pending' } }, { request: {} })).rejects.toThrow(ArgumentError)
    expect(() => accessRequest({} as never, decision)).toThrow(ArgumentError)
  })
})
