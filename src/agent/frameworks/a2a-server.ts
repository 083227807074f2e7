import type { GuardedCall } from '../../guard/call.ts'
import type { Guard } from '../../guard/guard.ts'
import type { GuardDenial } from '../../guard/result.ts'
import type { Invocation } from '../../invocation/invocation.ts'
import type { IpldValue } from '../../ipld/value.ts'
import { readOptions, withMethod } from '../../support/options.ts'
import { type A2aCommand, a2aCommandChecks } from './a2a-client.ts'
import { type A2aSendRequest, messageDigest } from './a2a-message.ts'

/** The part of a `RequestContext` of A2A 1.0 that is used. */
export interface A2aRequestContext {
  readonly request: A2aSendRequest
  readonly taskId: string
  readonly contextId: string
  readonly task?: { readonly metadata?: object | undefined } | undefined
  readonly context: { readonly state: ReadonlyMap<string, unknown> }
}

/** The part of an `ExecutionEventBus` of A2A that is used. */
export interface A2aEventBus {
  publish(event: never): void
}

/** An `AgentExecutor` of A2A, which receives the authorized call too. */
export interface A2aExecutor<Context, Bus> {
  execute(context: Context, bus: Bus, call: GuardedCall): Promise<void>
  /** Called without a guard: see {@link guardedExecutor}. */
  cancelTask(taskId: string, bus: Bus): Promise<void>
}

/** An `AgentExecutor` of A2A behind a guard. */
export interface GuardedExecutor<Context, Bus> {
  execute(context: Context, bus: Bus): Promise<void>
  cancelTask(taskId: string, bus: Bus): Promise<void>
}

/** Under this key the metadata of a task contain the DID of its caller. */
const callerKey = 'xyz.ucan/caller'
/** Under this key the metadata of a refusal contain the denial. */
const denialKey = 'xyz.ucan/container.denial'

/** States of a task and the role of an agent, as numbers of A2A 1.0. */
const [submitted, authRequired, roleAgent] = [1, 8, 2]

/** A refusal, as the client receives it. */
type Refusal = Pick<GuardDenial, 'code' | 'message' | 'requirement' | 'approvable'>

/**
 * Puts a guard before an `AgentExecutor` of A2A 1.0. A message must come with a container in the header
 * `X-UCAN-Container` (`a2aInterceptor` adds it) whose call is bound to it. The executor runs only if the call is allowed.
 *
 * A refusal is answered with a message, whose metadata contain the denial. If only a policy refuses the call, an approval
 * could permit it, and the answer is a task in the state `TASK_STATE_AUTH_REQUIRED`. The client can then send the message
 * again for the same task, with the approval.
 *
 * Other methods of A2A are not guarded, because they come without a call: the SDK answers `GetTask` from its store, and
 * passes `CancelTask` to `cancelTask` of the executor. Authenticate their callers with `userBuilder` of the SDK.
 *
 * @param guard - its commands contain `command`. The executor has `deadlines.handlerMs` for each message.
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { defineCommand } from 'procura'
 * import { guardedExecutor, messageArguments } from 'procura/agent/a2a'
 *
 * const ask = defineCommand({ command: '/agent/ask', args: messageArguments() })
 * const executor = guardedExecutor(
 *   guard,
 *   {
 *     async execute(context, bus, call) {
 *       console.log(context.taskId, call.invoker, bus)
 *     },
 *     async cancelTask() {},
 *   },
 *   { command: ask },
 * ) // for `DefaultRequestHandler`
 * ```
 */
export function guardedExecutor<Context extends A2aRequestContext, Bus extends A2aEventBus>(
  guard: Pick<Guard, 'open' | 'use'>,
  executor: A2aExecutor<Context, Bus>,
  options: A2aCommand,
): GuardedExecutor<Context, Bus> {
  readOptions('guardedExecutor', { guard, executor }, { guard: withMethod('use'), executor: withMethod('execute') })
  const { command, argumentsOf } = readOptions('guardedExecutor', options, a2aCommandChecks)

  async function refusalOf(context: Context, bus: Bus): Promise<Refusal | undefined> {
    const container = containerOf(context)
    if (container === undefined) return missing
    const claimed = await claimsOf(guard, container)
    const owner = own(context.task?.metadata, callerKey)
    // AGT-27: before the call is used up. The guard verifies the caller.
    if (context.task !== undefined && claimed?.issuer !== owner) return foreign
    const args: Record<string, unknown> = {}
    // Every declared argument must have exactly the value that the message determines.
    for (const name of Object.keys(command.args)) args[name] = undefined
    Object.assign(args, argumentsOf?.(context.request))
    args['message'] = await digestFor(context, claimed?.args['message'])
    const result = await guard.use(container, (call) => executor.execute(context, ownedBy(call.invoker, bus), call), {
      command: command.command,
      args: args as Readonly<Record<string, IpldValue | undefined>>,
    })
    return result.allowed ? undefined : result.denial
  }

  return Object.freeze({
    async execute(context, bus) {
      const refusal = await refusalOf(context, bus)
      if (refusal !== undefined) refuse(context, bus, refusal)
    },
    cancelTask: (taskId, bus) => executor.cancelTask(taskId, bus),
  } satisfies GuardedExecutor<Context, Bus>)
}

const missing: Refusal = Object.freeze({
  code: 'malformed',
  message: 'the message came without a signed invocation; send it with a2aInterceptor, in the header X-UCAN-Container',
  requirement: 'AGT-26',
})

const foreign: Refusal = Object.freeze({
  code: 'request_mismatch',
  message: 'the task belongs to another caller; send the message without the id of a task',
  requirement: 'AGT-27',
})

/** The value of an own property; undefined if it is missing. */
function own(of: unknown, name: string): unknown {
  return Object.hasOwn(Object(of), name) ? (Object(of) as Readonly<Record<string, unknown>>)[name] : undefined
}

/** The SDK stores the headers of the request, with names in lower case. */
function containerOf({ context }: A2aRequestContext): string | undefined {
  const container = own(context.state.get('headers'), 'x-ucan-container')
  return typeof container === 'string' && container !== '' ? container : undefined
}

/** The invocation of a container, unverified; undefined if the container is malformed. */
async function claimsOf(guard: Pick<Guard, 'open'>, container: string): Promise<Invocation | undefined> {
  try {
    const { invocations } = await guard.open(container)
    return invocations[0]
  } catch {
    return undefined
  }
}

/**
 * The SDK gives a message that begins a task the ids of the task and, if it has none, of a context. The digest is of the
 * message as it was sent.
 */
async function digestFor({ request, task }: A2aRequestContext, claimed: unknown): Promise<string> {
  const { message } = request
  const sent = message && (task === undefined ? { ...message, taskId: '' } : message)
  const digest = await messageDigest({ ...request, message: sent })
  if (digest === claimed || sent === undefined) return digest
  return messageDigest({ ...request, message: { ...sent, contextId: '' } })
}

/** A bus that writes the caller into each task that is published. */
function ownedBy<Bus extends A2aEventBus>(caller: string, bus: Bus): Bus {
  const publish = (event: TaskEvent): void => {
    const { kind, data } = event
    const owned =
      kind === 'task' ? { kind, data: { ...data, metadata: { ...data.metadata, [callerKey]: caller } } } : event
    bus.publish(owned as never)
  }
  return new Proxy(bus, {
    get(target, property) {
      if (property === 'publish') return publish
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

interface TaskEvent {
  readonly kind: string
  readonly data: { readonly metadata?: object | undefined }
}

/**
 * AGT-28: a refusal is a message, and stores nothing, so that strangers fill no store. The caller of a call that only a
 * policy refuses is verified.
 */
function refuse({ taskId, contextId, request, task }: A2aRequestContext, bus: A2aEventBus, refusal: Refusal): void {
  const publish = (kind: string, data: object): void => bus.publish({ kind, data } as never)
  const { approvable, code } = refusal
  if (approvable === undefined || code !== 'policy_unsatisfied') {
    publish('message', refusalMessage(contextId, '', refusal))
    return
  }
  const common = { contextId, metadata: { ...task?.metadata, [callerKey]: approvable.audience } }
  const history = request.message === undefined ? [] : [request.message]
  const status = (state: number, message?: object): object => ({ state, message, timestamp: undefined })
  publish('task', { artifacts: [], history, ...task, ...common, id: taskId, status: status(submitted) })
  const message = refusalMessage(contextId, taskId, refusal)
  publish('statusUpdate', { taskId, contextId, status: status(authRequired, message), metadata: undefined })
}

function refusalMessage(contextId: string, taskId: string, refusal: Refusal): object {
  const { code, message: text, requirement, approvable } = refusal
  const denial = {
    ...{ code, message: text },
    ...(requirement !== undefined && { requirement }),
    ...(approvable !== undefined && { approvable }),
  }
  const content = { $case: 'text', value: `Denied (${code}): ${text}` }
  return {
    ...{ messageId: crypto.randomUUID(), contextId, taskId, role: roleAgent },
    parts: [{ content, metadata: undefined, filename: '', mediaType: 'text/plain' }],
    metadata: { [denialKey]: denial },
    extensions: [],
    referenceTaskIds: [],
  }
}
