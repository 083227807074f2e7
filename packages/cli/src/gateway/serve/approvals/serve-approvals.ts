// node only: serves sockets
/**
 * The conversation in which an agent hands in its requests, and waits for the answers. APR-84
 *
 * @module
 */

import type { Socket } from 'node:net'
import { unlessAborted } from '#support/abort.ts'
import { sleep } from '#support/back-off.ts'
import { startDeadline } from '#support/deadline.ts'
import type { ConnectionPlaces } from '../../wire/connection-places.ts'
import { endWith } from '../../wire/hello.ts'
import { type LineFault, lineWriter, readLines } from '../../wire/lines.ts'
import type { Limiter } from '../limiter.ts'
import type { ApprovalNeed, ApprovalQueue, Decided, WantedCall } from './approval-queue.ts'
import { approvalRefused, type KeptRequest } from './kept-request.ts'

/** Milliseconds for the second line, between two looks at the answers, and for the confirmation. */
const [secondLineMs, lookMs, confirmMs] = [10_000, 250, 10_000]

/** The longest wait, in seconds: no request is valid for longer. */
const mostSeconds = 3_600

/** The parts of a conversation. */
export interface ApprovalConversation {
  readonly queue: ApprovalQueue
  readonly call: WantedCall
  readonly need: ApprovalNeed
  /** The address of the page, if there is one. */
  readonly page: string | undefined
  /** Whether a browser can approve the call on the page. */
  readonly isEnrolled: boolean
  readonly waits: Limiter
  /** The places of the conversations that do not wait. APR-99 */
  readonly places: Pick<ConnectionPlaces, 'begin' | 'leave'>
}

/** Talks with an agent until it has its answers, leaves, or has waited long enough. */
export async function serveApprovals(
  socket: Socket,
  { queue, call, need, page, isEnrolled, waits, places }: ApprovalConversation,
): Promise<void> {
  const write = lineWriter(socket)
  const say = (answer: object): Promise<void> => write(JSON.stringify({ procura: 1, ...answer }))
  const lines = readLines(socket)
  const { approvers, threshold } = need
  await say({ audience: call.service, approvers, threshold, ...(page !== undefined && { page, enrolled: isEnrolled }) })
  const asked = await secondLine(socket, lines)
  if (asked === undefined)
    return endWith(socket, { error: approvalRefused('the second line must be {"requests":["…"],"wait":0}') })
  places.begin(socket)
  const taken = await queue.take(asked.requests, call, need, asked.body, asked.chain)
  if ('code' in taken) return endWith(socket, { error: taken })
  const shown = taken.map(({ id, request, container }) => ({ id, approver: request.approver, container }))
  await within(confirmMs, socket, say({ waiting: shown }))
  const left = new AbortController()
  // A client that leaves, or sends more, waits no longer.
  const third = lines.next().then(
    ({ value }) => value ?? undefined,
    () => undefined,
  )
  void third.then(() => left.abort())
  const holder = call.firstAgent ?? taken[0]?.request.agent
  const place = asked.wait > 0 ? waits.take(holder) : undefined
  const endWait = typeof place === 'function' ? place : undefined
  if (endWait !== undefined) places.leave(socket)
  try {
    const decided = await waitFor(queue, taken, threshold, endWait === undefined ? 0 : asked.wait, left.signal)
    if (decided === undefined) return endWith(socket, { answers: [] })
    if (decided === 'gone') return endWith(socket, { answers: [], gone: true })
    const isReceived = await hasReceived(say(decided), third)
    await queue.settle(taken, isReceived)
    endWith(socket, { settled: isReceived })
  } finally {
    endWait?.()
  }
}

/** A client that reads nothing loses its connection. */
async function within(milliseconds: number, socket: Socket, sent: Promise<void>): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), milliseconds)
  try {
    await sent
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Whether the agent confirms that it has the answers. One that was cancelled, or has left, leaves them for the next
 * call.
 */
async function hasReceived(sent: Promise<void>, third: Promise<string | LineFault | undefined>): Promise<boolean> {
  const deadline = startDeadline([], confirmMs)
  try {
    return await unlessAborted(async () => {
      await sent
      return (await third) === '{"received":true}'
    }, deadline.signal)
  } catch {
    return false
  } finally {
    deadline.end()
  }
}

interface SecondLine {
  readonly requests: readonly string[]
  readonly wait: number
  readonly body: string | undefined
  readonly chain: string | undefined
}

async function secondLine(
  socket: Socket,
  lines: AsyncGenerator<string | LineFault, void>,
): Promise<SecondLine | undefined> {
  const timer = setTimeout(() => socket.destroy(), secondLineMs)
  try {
    const { value } = await lines.next()
    const { requests, wait, body, chain, ...more } = Object(typeof value === 'string' ? JSON.parse(value) : undefined)
    const isWhole =
      Object.keys(more).length === 0 &&
      Array.isArray(requests) &&
      requests.every((one) => typeof one === 'string') &&
      Number.isInteger(wait) &&
      wait >= 0 &&
      (body === undefined || typeof body === 'string') &&
      (chain === undefined || typeof chain === 'string')
    return isWhole ? { requests, wait: Math.min(wait, mostSeconds), body, chain } : undefined
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

async function waitFor(
  queue: ApprovalQueue,
  taken: readonly KeptRequest[],
  threshold: number,
  seconds: number,
  left: AbortSignal,
): Promise<Decided | 'gone' | undefined> {
  const deadline = startDeadline([left], seconds * 1_000)
  try {
    for (;;) {
      // An agent that has left must not take an answer with it.
      if (left.aborted) return undefined
      const decided = await queue.collect(taken, threshold)
      if (decided !== undefined || seconds === 0 || deadline.signal.aborted) return decided
      await sleep(lookMs, deadline.signal)
    }
  } finally {
    deadline.end()
  }
}
