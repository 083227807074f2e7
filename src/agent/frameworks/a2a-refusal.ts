import type { GuardDenial } from '../../guard/result.ts'
import type { A2aEventBus, A2aRequestContext } from './a2a-context.ts'

/** Under this key the metadata of a task contain the DID of its caller. */
export const callerKey = 'xyz.ucan/caller'
/** Under this key the metadata of a refusal contain the denial. */
const denialKey = 'xyz.ucan/container.denial'

/** States of a task and the role of an agent, as numbers of A2A 1.0. */
const [submitted, failed, authRequired, roleAgent] = [1, 4, 8, 2]
/** The states in which a task has ended: completed, failed, cancelled, rejected. */
const ended: readonly unknown[] = [3, failed, 5, 7]

/** A refusal, as the client receives it. */
export type Refusal = Pick<GuardDenial, 'code' | 'message' | 'requirement' | 'approvable'>

/** The refusal of a request without a container. */
export const missing: Refusal = Object.freeze({
  code: 'malformed',
  message: 'the request came without a signed invocation; send it with a2aInterceptor, in the header X-UCAN-Container',
  requirement: 'AGT-26',
})

/** The refusal of a request about a task of somebody else. It does not show whether there is such a task. */
export const foreign: Refusal = Object.freeze({
  code: 'request_mismatch',
  message: 'the task does not exist, or belongs to another caller; send the request without its id',
  requirement: 'AGT-27',
})

/** The refusal of a method for which the server has no command. */
export const unserved: Refusal = Object.freeze({
  code: 'command_unknown',
  message: 'this server permits messages alone; it has no command for requests about tasks',
  requirement: 'AGT-31',
})

/** AGT-28: whether a task can wait for an approval. The caller of a call that a policy refuses is verified. */
export function canWait({ approvable, code }: Refusal): boolean {
  return approvable !== undefined && code === 'policy_unsatisfied'
}

/** Publishes a task that waits for an approval. */
export function publishWaiting(context: A2aRequestContext, bus: A2aEventBus, refusal: Refusal, caller: string): void {
  const { taskId, contextId, task } = context
  // The SDK has stored a task of before, with the message. It may have changed since the context was made.
  if (task === undefined) publishTask(context, bus, caller)
  publishStatus(context, bus, authRequired, refusalMessage(contextId, taskId, refusal))
}

/** A task as it is stored. */
export interface StoredTask {
  readonly status?: { readonly state?: unknown } | undefined
}

/**
 * Publishes the end of a task whose executor failed. The message of the error may contain a secret, and is left out.
 *
 * `isPublished` tells whether the executor has published the task. `start` is the stored task, if a stream begins here.
 */
export function publishFailure(
  context: A2aRequestContext,
  bus: A2aEventBus,
  caller: string,
  { isPublished, start }: { readonly isPublished: boolean; readonly start: StoredTask | undefined },
): void {
  const { taskId, contextId, task } = context
  if (task === undefined && !isPublished) publishTask(context, bus, caller)
  // The SDK keeps the stored messages and artifacts of a task that is published without some.
  if (start !== undefined)
    bus.publish({ kind: 'task', data: { ...start, artifacts: [], history: [], id: taskId } } as never)
  if (ended.includes(start?.status?.state)) return
  publishStatus(context, bus, failed, messageOf(contextId, taskId, 'The agent failed.', {}))
}

/** Publishes a new task. */
function publishTask({ taskId, contextId, request }: A2aRequestContext, bus: A2aEventBus, caller: string): void {
  const history = request.message === undefined ? [] : [request.message]
  const status = { state: submitted, message: undefined, timestamp: undefined }
  const metadata = { [callerKey]: caller }
  bus.publish({ kind: 'task', data: { id: taskId, contextId, status, artifacts: [], history, metadata } } as never)
}

function publishStatus(
  { taskId, contextId }: A2aRequestContext,
  bus: A2aEventBus,
  state: number,
  message: object,
): void {
  const data = { taskId, contextId, status: { state, message, timestamp: undefined }, metadata: undefined }
  bus.publish({ kind: 'statusUpdate', data } as never)
}

/** A refusal as a message, whose metadata contain the denial. */
export function refusalMessage(contextId: string, taskId: string, refusal: Refusal): object {
  const { code, message, requirement, approvable } = refusal
  const denial = {
    ...{ code, message },
    ...(requirement !== undefined && { requirement }),
    ...(approvable !== undefined && { approvable }),
  }
  return messageOf(contextId, taskId, refusalText(refusal), { [denialKey]: denial })
}

/** A refusal in one line. */
export function refusalText({ code, message }: Refusal): string {
  return `Denied (${code}): ${message}`
}

function messageOf(contextId: string, taskId: string, value: string, metadata: object): object {
  return {
    ...{ messageId: crypto.randomUUID(), contextId, taskId, role: roleAgent, metadata },
    parts: [{ content: { $case: 'text', value }, metadata: undefined, filename: '', mediaType: 'text/plain' }],
    extensions: [],
    referenceTaskIds: [],
  }
}
