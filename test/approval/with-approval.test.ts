import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { approve } from '../../src/approval/approve.ts'
import type { ApprovalAnswer } from '../../src/approval/read-answer.ts'
import { refuse } from '../../src/approval/refuse.ts'
import type { SentRequest } from '../../src/approval/request-approval.ts'
import { type WithApprovalOptions, withApproval } from '../../src/approval/with-approval.ts'
import type { Decision } from '../../src/core/authorization/decision.ts'
import { memoryLimitStore } from '../../src/core/authorization/limits/memory-limit-store.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { decodeDelegation } from '../../src/core/delegation/decode-delegation.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { actor, clock } from '../support/actors.ts'
import { createService, service } from '../support/service.ts'
import { agent, mallory, narrow, owner, receivedRequest } from './cast.ts'

type Options = WithApprovalOptions<Decision>

/** Options of a call that the service refuses without an approval, and the containers that it received. */
function options(change: Partial<Options> = {}): { options: Options; sent: string[]; answers: string[] } {
  const authorizer = createService({ limitStore: memoryLimitStore({ clock }) })
  const sent: string[] = []
  const answers: string[] = []
  return {
    sent,
    answers,
    options: {
      call: {
        ...{ issuer: agent, audience: service.did, command: '/mail/send', proofs: [narrow], clock },
        args: { to: 'bob@example.com' },
      },
      approvers: [owner.did],
      send: (container) => {
        sent.push(container)
        return authorizer.authorize(container)
      },
      ask: approveAs(owner),
      onAnswer: ({ answer }: ApprovalAnswer) => void answers.push(answer),
      ...change,
    },
  }
}

const approveAs =
  (issuer: typeof owner) =>
  async (request: SentRequest): Promise<string> =>
    (await approve(await receivedRequest(request), { issuer, clock })).container

describe('withApproval', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('APR-30 waits for the other approver when the first answer is signed by nobody', async () => {
    const second = await actor('second')
    const grant = await delegate({ issuer: owner, audience: second.did, command: '/mail/send', clock })
    const forge = async (request: SentRequest): Promise<string> => {
      const { delegation } = await approve(await receivedRequest(request), { issuer: owner, clock })
      const bytes = new Uint8Array(delegation.bytes)
      bytes.set(new Uint8Array(32).fill(1), 11)
      return encodeContainer([await decodeDelegation(bytes)])
    }
    let forged = (): void => undefined
    const isForged = new Promise<void>((resolve) => {
      forged = resolve
    })
    const { options: given, answers } = options({
      approvers: [owner.did, second.did],
      onAnswer: ({ answer }) => {
        answers.push(answer)
        forged()
      },
      ask: async (request) => {
        if (request.approver === owner.did) return forge(request)
        await isForged
        return (await approve(await receivedRequest(request), { issuer: second, proofs: [grant], clock })).container
      },
    })
    expect((await withApproval(given)).allowed).toBe(true)
    expect(answers).toEqual(['invalid', 'approved'])
  })

  it('makes the call again with the approval', async () => {
    const { options: given, sent, answers } = options()
    const result = await withApproval(given)
    expect(result.allowed && result.authorization.args).toEqual({ to: 'bob@example.com' })
    expect(sent).toHaveLength(2)
    expect(answers).toEqual(['approved'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('APR-31 makes the second call with a nonce of its own', async () => {
    const { options: given } = options()
    const result = await withApproval({ ...given, call: { ...given.call, nonce: new Uint8Array(12).fill(7) } })
    expect(result.allowed).toBe(true)
  })

  it('asks nobody for a call that is allowed, or that no approval can cure', async () => {
    const ask = vi.fn()
    const { options: given, sent } = options({ ask })
    const good = { ...given.call, args: { to: 'x@secret-limit.example' } }
    expect((await withApproval({ ...given, call: good })).allowed).toBe(true)
    const elsewhere = await withApproval({ ...given, call: { ...given.call, audience: mallory.did } })
    expect(!elsewhere.allowed && elsewhere.denial.code).toBe('audience_mismatch')
    expect(ask).not.toHaveBeenCalled()
    expect(sent).toHaveLength(2)
  })

  it('APR-30 takes a refusal, a wrong answer, no answer and an error for a no', async () => {
    const asks: readonly Options['ask'][] = [
      async (request) => refuse(await receivedRequest(request), { issuer: owner, clock }),
      async () => 'something else',
      async () => undefined,
      async () => {
        throw new Error('offline')
      },
    ]
    for (const ask of asks) {
      const { options: given, sent } = options({ ask })
      const result = await withApproval(given)
      expect.soft(!result.allowed && result.denial.code).toBe('policy_unsatisfied')
      expect.soft(sent).toHaveLength(1)
    }
  })

  it('APR-30 takes the end of the time for a no, and ignores an answer after it', async () => {
    let answer: (() => void) | undefined
    const { options: given, sent } = options({
      expiresIn: 60,
      ask: (request) => new Promise((resolve) => (answer = () => void approveAs(owner)(request).then(resolve))),
    })
    const result = withApproval(given)
    await vi.waitFor(() => expect(answer).toBeDefined(), 20_000)
    await vi.advanceTimersByTimeAsync(59_999)
    await vi.advanceTimersByTimeAsync(1)
    expect((await result).allowed).toBe(false)
    answer?.()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(sent).toHaveLength(1)
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(0), 20_000)
  })

  it('ends the wait with the signal of the caller', async () => {
    const stop = new AbortController()
    const { options: given } = options({ signal: stop.signal, ask: () => new Promise(() => undefined) })
    const result = withApproval(given)
    await vi.advanceTimersByTimeAsync(1_000)
    stop.abort()
    expect((await result).allowed).toBe(false)
  })

  it('asks several approvers at the same time, and needs as many approvals as the threshold', async () => {
    const [first, second] = [await actor('first'), await actor('second')]
    const asked: string[] = []
    const signals: AbortSignal[] = []
    const ask: Options['ask'] = (request, { signal }) => {
      asked.push(request.approver)
      signals.push(signal)
      return request.approver === owner.did ? approveAs(owner)(request) : new Promise(() => undefined)
    }
    const approvers = [first.did, owner.did, second.did, owner.did]
    const { options: given } = options({ ask, approvers })
    expect((await withApproval(given)).allowed).toBe(true)
    expect(asked).toEqual([first.did, owner.did, second.did])
    expect(signals.every(({ aborted }) => aborted)).toBe(true)
    const slow = withApproval({ ...given, threshold: 2 })
    await vi.advanceTimersByTimeAsync(600_000)
    expect((await slow).allowed).toBe(false)
    await expect(withApproval({ ...given, threshold: 4 })).rejects.toThrow('more than the number of different')
  })
})
