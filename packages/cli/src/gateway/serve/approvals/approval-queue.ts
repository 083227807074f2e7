// node only: reads and writes files
/**
 * The requests for approvals that wait at a gateway, and their answers.
 *
 * @module
 */

import { type Clock, type Delegation, type Did, systemClock } from 'procura'
import type { ApprovalRequest } from 'procura/approval'
import { memoryReplayStore } from 'procura/store/memory'
import { startBackgroundTimer } from '#support/background-timer.ts'
import { createMutex } from '#support/mutex.ts'
import { quote } from '#support/quote.ts'
import type { HelloError } from '../../wire/hello.ts'
import type { OnGatewayEvent } from '../events.ts'
import { type ApprovalFiles, approvalFiles, faultOfPlace } from './approval-files.ts'
import { chainOf } from './enrolments.ts'
import {
  answerReader,
  approvalRefused,
  isSameCall,
  type KeptAnswer,
  type KeptRequest,
  type ReadKeptOptions,
  readKeptAnswer,
  readKeptRequest,
} from './kept-request.ts'
import { passedOnBy } from './passed-on.ts'
import { areOfBody } from './request-body.ts'

/** The approvers of a call, and how many of them have to approve. */
export interface ApprovalNeed {
  readonly approvers: readonly string[]
  readonly threshold: number
}

/** A call that an agent wants to have approved. */
export interface WantedCall extends Pick<ApprovalRequest, 'service' | 'subject' | 'command'> {
  /** The agent, if it has proved its key. */
  readonly agent?: string
  /** The agent to which an owner has delegated, and from which `agent` has its delegation. Default: the agent. */
  readonly firstAgent?: string
  /** Finds the agent, while its delegation is valid and not revoked. Default: it has proved none. */
  readonly holder?: () => Promise<string | undefined>
}

/** The answers to the requests for one call. */
export interface Decided {
  readonly answer: KeptAnswer
  readonly answers: readonly { readonly request: string; readonly answer: string }[]
}

/** A request for its approver. */
export interface FoundRequest extends KeptRequest {
  /** The chain from the owner to the approver. */
  readonly proofs: readonly Delegation[]
  /** The body of a request to an API, in base64. The approver compares its digest. */
  readonly body: string | undefined
  /** The ID of the request of the same call to the owner, who can answer it at a terminal. */
  readonly ownerId: string | undefined
  /** The agents that have passed the authority on to the agent, the first one after the owner first. */
  readonly through: readonly Did[]
}

/** The requests of a gateway. */
export interface ApprovalQueue {
  /**
   * Takes the requests of an agent for one call, one for each approver. A request that waits for the same call and
   * approver takes the place of a new one.
   *
   * @param body - of the request to an API, in base64, for the approvers to see.
   * @param chain - of the agent, as a container. It is kept if agents have passed the authority on.
   * @returns the requests that wait now.
   */
  take(
    containers: readonly string[],
    call: WantedCall,
    need: ApprovalNeed,
    body?: string,
    chain?: string,
  ): Promise<HelloError | readonly KeptRequest[]>
  /**
   * The answers, as soon as enough approvers have given them. One agent receives them until `settle`. APR-83
   *
   * @returns undefined while they are missing, or another agent receives them; `gone` when they were received, or the
   *   requests have expired.
   */
  collect(requests: readonly KeptRequest[], threshold: number): Promise<Decided | 'gone' | undefined>
  /** Ends the reception: removes the requests if the agent has received the answers. */
  settle(requests: readonly KeptRequest[], isReceived: boolean): Promise<void>
  /** The request of the same call for an approver who has not answered. */
  find(id: string, approver: string): Promise<FoundRequest | undefined>
  /** Removes the requests of an agent for a command and those below it: an owner has revoked its delegation. */
  withdraw(agent: string, command: string): Promise<void>
  /** Keeps an answer. Returns why it is not one. */
  answer(id: string, container: string): Promise<string | undefined>
  close(): void
}

/** Options of {@link openApprovalQueue}. */
export interface ApprovalQueueOptions {
  readonly folder: string
  readonly onEvent: OnGatewayEvent
  readonly clock?: Clock | undefined
}

/** Most requests that wait, and most of one agent with the agents below it. APR-82 */
const most = Object.freeze({ all: 256, ofOne: 32 })

/** Seconds that a waiting request must still have: a person needs them. */
const leastSeconds = 60

/** Milliseconds between two removals of requests that have expired. */
const cleanMs = 60_000

/** A request with the agent whose places it takes: the one to which an owner has delegated, or its own. */
interface PlacedRequest extends KeptRequest {
  readonly holder: string
}

/** The parts of a queue. */
interface Queue {
  readonly files: ApprovalFiles
  /** The oldest first. */
  readonly kept: Map<string, PlacedRequest>
  /** Requests whose answers an agent is receiving. */
  readonly receiving: Set<string>
  readonly clock: Clock | undefined
  readonly now: () => number
  readonly onEvent: OnGatewayEvent
}

/** Opens the requests in a folder, with those that an earlier process has left. */
export async function openApprovalQueue({ folder, onEvent, clock }: ApprovalQueueOptions): Promise<ApprovalQueue> {
  const files = approvalFiles(folder)
  await files.tidy()
  const kept = new Map((await readAll(files, clock)).map((one) => [one.id, { ...one, holder: one.request.agent }]))
  const now = (): number => (clock ?? systemClock).now()
  const receiving = new Set<string>()
  const queue: Queue = { files, kept, receiving, clock, onEvent, now }
  const inTurn = createMutex()
  const replay = memoryReplayStore({ ...(clock !== undefined && { clock }) })

  let timer = startBackgroundTimer(tick, cleanMs)
  function tick(): void {
    void inTurn(async () => {
      await clean(queue)
      await files.tidy()
    })
    timer = startBackgroundTimer(tick, cleanMs)
  }

  return {
    take: (containers, call, need, body, chain) =>
      inTurn(async () => {
        await clean(queue)
        const read = await readRequests(containers, call, need, { replay, clock })
        if ('code' in read) return read
        // APR-96: the delegation that the agent has proved for its connection may be revoked since.
        if (call.holder !== undefined && (await call.holder()) !== call.agent) return revokedAgent
        if (!(await areOfBody(body, read))) return approvalRefused('the body is not the one of the request')
        const passedOn = await passedOnBy(chain, (read[0] as KeptRequest).request, clock)
        const shown = { body, chain: passedOn.length > 0 ? chain : undefined }
        return addAll(queue, read, shown, call.firstAgent)
      }),
    collect: (requests, threshold) =>
      inTurn(async () => {
        if (!requests.every(({ id }) => kept.has(id))) return 'gone'
        if (requests.some(({ id }) => receiving.has(id))) return undefined
        const decided = await decide(requests, threshold, files, clock)
        if (decided !== undefined) for (const { id } of requests) receiving.add(id)
        return decided
      }),
    settle: (requests, isReceived) =>
      inTurn(async () => {
        for (const { id } of requests) receiving.delete(id)
        if (isReceived) await remove(queue, requests)
      }),
    async find(id, approver) {
      const named = kept.get(id)
      if (named === undefined || named.request.expiration < queue.now()) return undefined
      // The newest one: the agent waits for its answer. An earlier one of the same call is about to expire.
      const own = [...kept.values()].findLast(
        ({ request }) => request.approver === approver && isSameCall(request, named.request),
      )
      if (own === undefined || (await readKeptAnswer(await files.answer(own.id), own, clock)) !== undefined)
        return undefined
      const [proofs, body] = [await chainOf(own.request, files, clock), await files.body(own.id)]
      const toOwner = [...kept.values()].findLast(
        ({ request }) => request.approver === request.subject && isSameCall(request, named.request),
      )
      const through = await passedOnBy(await files.chain(own.id), own.request, clock)
      return { ...own, proofs, body, ownerId: toOwner?.id, through }
    },
    withdraw: (agent, command) => inTurn(() => withdraw(queue, agent, command)),
    answer: (id, container) => inTurn(() => keepAnswer(queue, id, container)),
    close: () => clearTimeout(timer),
  }
}

const revokedAgent = approvalRefused(
  'the delegation that this agent has proved was revoked, or has expired; ask the owner to delegate to it again',
)

async function withdraw(queue: Queue, agent: string, command: string): Promise<void> {
  const lost = [...queue.kept.values()].filter(({ request }) => isBelow(request, agent, command))
  if (lost.length === 0) return
  await remove(queue, lost)
  const message = `${lost.length} requests of an agent were removed, because its delegation was revoked`
  queue.onEvent({ level: 'info', event: 'approval_displaced', message })
}

/** Whether a request is of an agent, for a command or one below it. */
function isBelow({ agent, command }: ApprovalRequest, revoked: string, above: string): boolean {
  return agent === revoked && `${command}/`.startsWith(above === '/' ? '/' : `${above}/`)
}

async function remove({ kept, files }: Queue, requests: readonly KeptRequest[]): Promise<void> {
  for (const { id } of requests) {
    kept.delete(id)
    await files.remove(id)
  }
}

function clean(queue: Queue): Promise<void> {
  const expired = [...queue.kept.values()].filter(({ request }) => request.expiration < queue.now())
  return remove(queue, expired)
}

/** The texts that an approver sees with a request. */
interface ShownWith {
  readonly body: string | undefined
  readonly chain: string | undefined
}

/** Keeps the requests for one call. */
async function addAll(
  queue: Queue,
  read: readonly KeptRequest[],
  shown: ShownWith,
  firstAgent: string | undefined,
): Promise<HelloError | readonly KeptRequest[]> {
  const waiting: KeptRequest[] = []
  for (const one of read) {
    const placed = { ...one, holder: firstAgent ?? one.request.agent }
    const added = await add(queue, placed, shown, waiting.length === 0)
    if ('code' in added) return added
    waiting.push(added)
  }
  return waiting
}

/** Keeps a request, unless one waits for the same call and approver. APR-97 */
async function add(
  queue: Queue,
  one: PlacedRequest,
  { body = '', chain = '' }: ShownWith,
  isFirst: boolean,
): Promise<HelloError | KeptRequest> {
  const { files, kept, now, onEvent } = queue
  const { agent, approver, command } = one.request
  const all = [...kept.values()]
  const same = all.find(
    ({ request }) =>
      request.approver === approver && request.expiration > now() + leastSeconds && isSameCall(request, one.request),
  )
  if (same !== undefined) return same
  if (!(await makeRoom(queue, one)))
    return approvalRefused('too many requests wait for their approvers; answer some of them with `procura approve`')
  // A person who reads the request sees its body.
  if (body !== '') await files.putBody(one.id, body)
  if (chain !== '') await files.putChain(one.id, chain)
  await files.putRequest(one.id, one.container)
  kept.set(one.id, one)
  const message = `an agent requests ${quote(command, 128)}; answer with \`procura approve ${one.id}\``
  onEvent({ level: 'info', event: 'approval_requested', message, ...(isFirst && { request: { agent, command } }) })
  return one
}

/** Removes the oldest request of an agent without an answer, if its places are taken. Returns whether there is room. */
async function makeRoom(queue: Queue, { holder, request: { agent } }: PlacedRequest): Promise<boolean> {
  const { files, kept, receiving, clock, onEvent } = queue
  const own = [...kept.values()].filter((one) => one.holder === holder)
  if (own.length < most.ofOne) return kept.size < most.all
  for (const one of own) {
    if (receiving.has(one.id) || (await readKeptAnswer(await files.answer(one.id), one, clock)) !== undefined) continue
    await remove(queue, [one])
    const message = `the request ${one.id} was displaced by a newer one of ${one.request.agent === agent ? 'its' : 'another'} agent`
    onEvent({ level: 'warning', event: 'approval_displaced', message })
    return true
  }
  return false
}

async function keepAnswer(
  { files, kept, clock, onEvent }: Queue,
  id: string,
  container: string,
): Promise<string | undefined> {
  const one = kept.get(id)
  if (one === undefined) return 'there is no such request, or it has expired'
  const answer = await readKeptAnswer(container, one, clock)
  if (answer === undefined) return 'it is not an answer of the approver to this request'
  const isFirst = await files.putAnswer(id, container, answerReader(one, clock)).catch(faultOfPlace)
  if (isFirst !== true) return isFirst || 'the request has been answered'
  onEvent({ level: 'info', event: 'approval_answered', message: `the request ${id} is ${answer}` })
  return undefined
}

/** The requests in the files, the oldest first. Files without a request that is valid now are removed. */
async function readAll(files: ApprovalFiles, clock: Clock | undefined): Promise<readonly KeptRequest[]> {
  const found: KeptRequest[] = []
  for (const id of await files.ids()) {
    const container = await files.request(id)
    const read = container === undefined ? undefined : await readKeptRequest(container, { clock })
    if (read !== undefined && 'id' in read && read.id === id) found.push(read)
    else await files.remove(id)
  }
  return found.sort((one, other) => one.request.expiration - other.request.expiration)
}

/** The requests of one agent for one call, verified, each taken once. APR-98 */
async function readRequests(
  containers: readonly string[],
  call: WantedCall,
  { approvers }: ApprovalNeed,
  options: Required<Pick<ReadKeptOptions, 'clock' | 'replay'>>,
): Promise<HelloError | readonly KeptRequest[]> {
  const read: KeptRequest[] = []
  for (const container of containers) {
    const one = await readKeptRequest(container, options)
    if ('code' in one) return one
    const { request } = one
    const isOfCall =
      request.service === call.service && request.subject === call.subject && request.command === call.command
    if (call.agent !== undefined && request.agent !== call.agent)
      return approvalRefused('a request is of another agent')
    if (!isOfCall || !approvers.includes(request.approver))
      return approvalRefused('a request is for another call or approver')
    if (read.some((other) => other.request.approver === request.approver || !isSameCall(other.request, request)))
      return approvalRefused('the requests are not for one call')
    read.push(one)
  }
  return read.length === 0 ? approvalRefused('there is no request') : read
}

/** The answers, if there are enough of them. */
async function decide(
  requests: readonly KeptRequest[],
  threshold: number,
  files: ApprovalFiles,
  clock: Clock | undefined,
): Promise<Decided | undefined> {
  const found: Record<KeptAnswer, { readonly request: string; readonly answer: string }[]> = {
    approved: [],
    refused: [],
  }
  for (const one of requests) {
    const container = await files.answer(one.id)
    const answer = await readKeptAnswer(container, one, clock)
    if (answer !== undefined) found[answer].push({ request: one.container, answer: container as string })
  }
  // Where one approval is enough, the first answer counts.
  if (threshold === 1 && found.refused.length > 0) return { answer: 'refused', answers: found.refused }
  if (found.approved.length >= threshold) return { answer: 'approved', answers: found.approved.slice(0, threshold) }
  // The others are too few.
  if (requests.length - found.refused.length < threshold) return { answer: 'refused', answers: found.refused }
  return undefined
}
