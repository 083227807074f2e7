import { describe, expect, it } from 'vitest'
import { readApprovalRequest } from '../../src/approval/read-request.ts'
import { requestApproval } from '../../src/approval/request-approval.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { decodeBase64url } from '../../src/core/ipld/base.ts'
import type { IpldMap } from '../../src/core/ipld/value.ts'
import { ArgumentError } from '../../src/errors.ts'
import { clock, now } from '../support/actors.ts'
import { errorOf } from '../support/error-of.ts'
import { call, delegateRaw, service } from '../support/service.ts'
import { agent, denialOf, mallory, narrow, owner, receivedRequest, refusedCall, sentRequest } from './cast.ts'

const reading = async (container: string | Uint8Array, change: object = {}): Promise<string> => {
  const answer = await readApprovalRequest(container, { approver: owner.did, clock, ...change })
  return answer.valid ? 'valid' : `${answer.denial.code} ${answer.denial.requirement}`
}

/** A request as a hostile agent could sign it. */
const forged = (args: IpldMap, change: object = {}): Promise<string> =>
  invoke({ issuer: agent, audience: owner.did, command: '/approval/request', args, clock, ...change }).then((token) =>
    encodeContainer([token]),
  )
const usual: IpldMap = { subject: owner.did, service: service.did, command: '/mail/send', arguments: { to: 'bob' } }

describe('requestApproval', () => {
  it('APR-01 APR-02 signs an invocation of the agent, with exactly the refused call', async () => {
    const sent = await sentRequest({ reason: 'Bob asked for it' })
    const { authorization, ...received } = await receivedRequest(sent)
    const { container, ...expected } = sent
    expect(received).toEqual(expected)
    expect(received).toMatchObject({
      agent: agent.did,
      approver: owner.did,
      service: service.did,
      subject: owner.did,
      command: '/mail/send',
      args: { to: 'bob@example.com', subject: 'Report' },
      reason: 'Bob asked for it',
      expiration: now + 600,
    })
    expect(authorization.command).toBe('/approval/request')
    expect(authorization.proofs).toEqual([])
    expect(container.length).toBeLessThan(900)
  })

  it('APR-02 contains nothing of the denial: a limit of the policy does not reach the approver by way of the agent', async () => {
    const invocation = await refusedCall()
    const denial = await denialOf(invocation)
    expect(JSON.stringify(denial)).toContain('secret-limit')
    const { container } = await sentRequest({ invocation })
    const bytes = Buffer.from(decodeBase64url(container.slice(1))).toString('latin1')
    expect(bytes).toContain('bob@example.com')
    expect(bytes).not.toContain('secret-limit')
    expect(bytes).not.toContain(String(narrow.cid))
  })

  it('APR-03 refuses a denial that no approval can cure', async () => {
    const invocation = await call({ issuer: agent, audience: mallory.did, proofs: [narrow] })
    const denial = await denialOf(invocation)
    expect(denial.code).toBe('audience_mismatch')
    const options = { issuer: agent, approver: owner.did, invocation, clock }
    await expect(requestApproval(denial, options)).rejects.toThrow('an approval cannot permit this call')
    await expect(requestApproval({ approvable: false }, options)).rejects.toThrow('an approval cannot permit this call')
    await expect(requestApproval({ approvable: true }, options)).resolves.toBeDefined()
    await expect(requestApproval({ approvable: true }, { ...options, issuer: mallory })).rejects.toThrow('the signer')
  })

  it('refuses an approver that is not a DID, by the name of the option and without the value', async () => {
    const options = { issuer: agent, invocation: await refusedCall(), clock }
    for (const [approver, message] of [
      ['sk-live-canary', '`approver` must be a DID without path, query or fragment, such as'],
      [`${owner.did}#canary`, '`approver` must be a DID without path, query or fragment, such as'],
      [`${owner.did}canary`, '`approver` must be a DID without path, query or fragment, such as'],
      [owner, '`approver` must be a DID; pass `signer.did`'],
    ]) {
      const error = (await errorOf(() =>
        requestApproval({ approvable: true }, { ...options, approver: approver as string }),
      )) as Error
      expect(error).toBeInstanceOf(ArgumentError)
      expect(error.message).toContain(message)
      expect(error.message).not.toContain('canary')
    }
  })

  it('APR-04 APR-05 bounds the reason and the lifetime, on both sides', async () => {
    await expect(sentRequest({ reason: 'x'.repeat(501) })).rejects.toThrow('at most 500 characters')
    await expect(sentRequest({ expiresIn: 3_601 })).rejects.toThrow('<= 3600')
    await expect(forged({ ...usual, reason: 'x'.repeat(500) }).then(reading)).resolves.toBe('valid')
    await expect(forged({ ...usual, reason: 'x'.repeat(501) }).then(reading)).resolves.toBe('arguments_invalid ARG-03')
    await expect(forged(usual, { expiration: now + 3_700 }).then(reading)).resolves.toBe('lifetime_too_long TIM-05')
  })

  it('APR-07 can be cured: a policy that denies, a command that is not covered, no delegation, one that has expired', async () => {
    const approvable = { audience: agent.did, subject: owner.did, command: '/mail/send' }
    await expect(denialOf(await refusedCall())).resolves.toMatchObject({ code: 'policy_unsatisfied', approvable })
    const other = await delegate({ issuer: owner, audience: agent.did, command: '/mail/read', clock })
    const uncovered = await call({ issuer: agent, subject: owner.did, proofs: [other] })
    await expect(denialOf(uncovered, [other])).resolves.toMatchObject({ code: 'command_not_covered', approvable })
    const none = await call({ issuer: agent, subject: owner.did })
    await expect(denialOf(none, [])).resolves.toMatchObject({ code: 'root_not_subject', approvable })
    const expired = await delegateRaw(owner, agent, { expiration: now - 3_600 })
    const late = await call({ issuer: agent, proofs: [expired] })
    await expect(denialOf(late, [expired])).resolves.toMatchObject({ code: 'expired', approvable })
  })

  it('APR-07 cannot be cured: an invocation that has expired, a chain that begins with a stranger', async () => {
    const late = await call({ issuer: agent, proofs: [narrow], expiration: now - 3_600 })
    await expect(denialOf(late)).resolves.not.toHaveProperty('approvable')
    const strange = await delegateRaw(mallory, agent, { subject: owner.did })
    const stolen = await call({ issuer: agent, proofs: [strange] })
    const denial = await denialOf(stolen, [strange])
    expect(denial.code).toBe('root_not_subject')
    expect(denial).not.toHaveProperty('approvable')
  })
})

describe('readApprovalRequest', () => {
  it('refuses a request to another approver, also by a DID that looks the same', async () => {
    const { container } = await sentRequest()
    await expect(reading(container)).resolves.toBe('valid')
    await expect(reading(container, { approver: mallory.did })).resolves.toBe('audience_mismatch SVC-01')
    const web = await sentRequest({ approver: 'did:web:owner.example' })
    await expect(reading(web.container, { approver: 'did:web:owner.examp1e' })).resolves.toBe(
      'audience_mismatch SVC-01',
    )
    await expect(reading(web.container, { approver: 'did:web:Owner.example' })).resolves.toBe(
      'audience_mismatch SVC-01',
    )
  })

  it('refuses an expired request, a changed byte, and an agent that is not listed', async () => {
    const { container } = await sentRequest({ expiresIn: 60 })
    await expect(reading(container, { clock: { now: () => now + 121 } })).resolves.toBe('expired TIM-03')
    await expect(reading(container, { agents: [mallory.did] })).resolves.toBe('subject_not_accepted SVC-02')
    await expect(reading(container, { agents: [agent.did] })).resolves.toBe('valid')
    const bytes = decodeBase64url(container.slice(1))
    const at = Buffer.from(bytes).indexOf('bob@example.com')
    bytes[at] = 'r'.charCodeAt(0)
    await expect(reading(`C${Buffer.from(bytes).toString('base64url')}`)).resolves.toBe('signature_invalid PRF-08')
  })

  it('APR-01 refuses other commands, other arguments, and arguments of another type', async () => {
    const proofs = [narrow]
    const other = encodeContainer([await call({ issuer: agent, proofs, audience: owner.did }), narrow])
    await expect(reading(other)).resolves.toBe('command_unknown SVC-03')
    const wrong: readonly IpldMap[] = [
      {},
      { ...usual, more: 1 },
      { ...usual, subject: 'did:key:nobody' },
      { ...usual, service: 'did:web:а.example' },
      { ...usual, command: '/mail//send' },
      { ...usual, command: 1 },
      // It would cover every command with the same arguments.
      { ...usual, command: '/' },
      { ...usual, arguments: [] },
      { ...usual, arguments: new Uint8Array(1) },
      { ...usual, arguments: narrow.cid },
      { ...usual, arguments: null },
      { ...usual, reason: { toString: 'x' } },
    ]
    for (const args of wrong) expect.soft(await forged(args).then(reading)).toMatch(/^arguments_invalid/)
  })

  it('APR-06 refuses a request in the name of another agent, also with a delegation by it', async () => {
    const passed = await delegateRaw(agent, mallory, { command: '/approval' })
    const request = await invoke({
      ...{ issuer: mallory, audience: owner.did, command: '/approval/request', clock },
      ...{ args: usual, proofs: [passed] },
    })
    await expect(reading(encodeContainer([request, passed]))).resolves.toBe('subject_not_accepted APR-06')
  })

  it('reads a request once with a replay store', async () => {
    const { container } = await sentRequest()
    const replay = memoryReplayStore({ clock })
    await expect(reading(container, { replay })).resolves.toBe('valid')
    await expect(reading(container, { replay })).resolves.toBe('replayed RPL-01')
  })

  it('answers to any bytes', async () => {
    for (const bytes of ['', 'C', 'Cg', '@', new Uint8Array([0x40, 0xa0]), new Uint8Array(0)]) {
      expect.soft(await reading(bytes)).toMatch(/^(malformed|unsupported|invocation_missing) /)
    }
  })
})
