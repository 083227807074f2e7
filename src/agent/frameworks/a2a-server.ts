import { AuthorizationError } from '../../errors.ts'
import type { Guard } from '../../guard/guard.ts'
import { callback, maybe, type OptionChecks, readOptions, withMethod } from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { type A2aCommand, a2aCommandChecks, tasksCheck } from './a2a-client.ts'
import type {
  A2aCallContext,
  A2aEventBus,
  A2aRequestContext,
  A2aRequestHandler,
  GuardedExecutor,
} from './a2a-context.ts'
import { own } from './a2a-context.ts'
import { type A2aExecutor, type A2aVerdict, executorFor, type StartOfStream } from './a2a-executor.ts'
import { createGates, type LooseHandler } from './a2a-gates.ts'
import type { A2aSendRequest } from './a2a-message.ts'
import { callerKey, refusalMessage, type StoredTask } from './a2a-refusal.ts'
import { type A2aTaskMethod, taskIdOf } from './a2a-task.ts'

/** Options of {@link guardedRequestHandler}. */
export interface GuardedRequestHandlerOptions<Context, Bus, Handler> extends A2aCommand {
  /**
   * Makes the handler of the SDK for the executor: `(executor) => new DefaultRequestHandler(card, store, executor)`.
   */
  readonly handler: (executor: GuardedExecutor<Context, Bus>) => Handler
  /**
   * The class of the errors that refuse requests about tasks, such as `UnsupportedOperationError`. Default: one without
   * a code of A2A.
   */
  readonly RefusalError?: new (
    message: string,
  ) => Error
  /**
   * Called with the error of an executor, or of a store. The client does not receive the error of an executor. Default:
   * the errors are ignored.
   */
  readonly onError?: (error: unknown) => void
}

const checks: OptionChecks<GuardedRequestHandlerOptions<never, never, never>> = Object.freeze({
  ...a2aCommandChecks,
  tasks: tasksCheck,
  handler: callback,
  RefusalError: maybe(callback),
  onError: maybe(callback),
})

/**
 * Puts a guard before the request handler of A2A 1.0. A request must come with a container in the header
 * `X-UCAN-Container` (`a2aInterceptor` adds it) whose call is bound to it. Nothing is read or stored for a message that
 * is refused.
 *
 * A refused message is answered with a message, whose metadata contain the denial. If a policy refuses the call,
 * an approval could permit it, and the answer is a task in the state `TASK_STATE_AUTH_REQUIRED`. The client can then
 * send the message again for the same task, with the approval. A refused request about tasks is an error. Only the
 * public agent card needs no container.
 *
 * The user of a request, for the stores of the SDK, is the DID of its caller.
 *
 * @param guard - its commands contain `command`, and `tasks`. The executor has `deadlines.handlerMs` for each message.
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { defineCommand } from 'procura'
 * import { type A2aRequestHandler, guardedRequestHandler, messageArguments } from 'procura/agent/a2a'
 *
 * // (executor) => new DefaultRequestHandler(card, store, executor)
 * declare const makeHandler: (executor: object) => A2aRequestHandler
 * const ask = defineCommand({ command: '/agent/ask', args: messageArguments() })
 * const requestHandler = guardedRequestHandler(
 *   guard,
 *   {
 *     async execute(context, bus, call) {
 *       console.log(context.taskId, call.invoker, bus)
 *     },
 *     async cancelTask() {},
 *   },
 *   { command: ask, handler: makeHandler },
 * ) // for `jsonRpcHandler`, `restHandler`, …
 * ```
 */
export function guardedRequestHandler<
  Context extends A2aRequestContext,
  Bus extends A2aEventBus,
  Handler extends A2aRequestHandler,
>(
  guard: Pick<Guard, 'open' | 'use'>,
  executor: A2aExecutor<Context, Bus>,
  options: GuardedRequestHandlerOptions<Context, Bus, Handler>,
): Pick<Handler, keyof A2aRequestHandler> {
  const where = 'guardedRequestHandler'
  readOptions(where, { guard, executor }, { guard: withMethod('use'), executor: withMethod('execute') })
  const given = readOptions(where, options, checks)
  const { RefusalError = AuthorizationError } = given
  const report = (error: unknown): void => void quietly(() => given.onError?.(error))
  const verdicts = new WeakMap<object, A2aVerdict>()
  const streamed = new WeakSet<object>()
  const startOf: StartOfStream = ({ taskId, context }) =>
    streamed.has(context) ? storedTask(inner, taskId, context, report) : Promise.resolve(undefined)
  const { guarded, cancelling } = executorFor(executor, (context) => verdicts.get(context), report, startOf)
  const inner = readOptions(
    where,
    { handler: given.handler(guarded as never) as Handler },
    { handler: withMethod('sendMessage') },
  ).handler as LooseHandler

  const { send, manage } = createGates({ ...given, guard, inner, RefusalError, report, verdicts })
  const managed =
    (method: A2aTaskMethod, name: keyof LooseHandler) =>
    (params: unknown, context: A2aCallContext): Promise<unknown> =>
      manage(method, params, context, async (scoped) => inner[name](params, scoped))

  return Object.freeze({
    getAgentCard: () => inner.getAgentCard(),
    sendMessage: (params: A2aSendRequest, context: A2aCallContext) =>
      send(
        params,
        context,
        (scoped) => inner.sendMessage(params, scoped) as Promise<unknown>,
        async (refusal) => refusalMessage(params.message?.contextId ?? '', '', refusal),
      ),
    async *sendMessageStream(params: A2aSendRequest, context: A2aCallContext) {
      yield* await send<AsyncIterable<unknown>>(
        params,
        context,
        (scoped, verdict) => {
          // A stream of the SDK must begin with a task, which would replace the state of one that has ended since.
          if ('refusal' in verdict && params.message?.taskId) return answerOf(() => inner.sendMessage(params, scoped))
          streamed.add(scoped)
          return endingWith(inner.sendMessageStream(params, scoped) as AsyncIterable<unknown>, verdict)
        },
        (refusal) =>
          only({ payload: { $case: 'message', value: refusalMessage(params.message?.contextId ?? '', '', refusal) } }),
      )
    },
    async *resubscribe(params: unknown, context: A2aCallContext) {
      yield* await manage('SubscribeToTask', params, context, async (scoped) => {
        return inner.resubscribe(params, scoped) as AsyncIterable<unknown>
      })
    },
    cancelTask: (params: unknown, context: A2aCallContext) =>
      manage('CancelTask', params, context, (scoped, caller) =>
        cancelling(taskIdOf('CancelTask', params), caller, async () => inner.cancelTask(params, scoped)),
      ),
    listTasks: (params: unknown, context: A2aCallContext) =>
      manage('ListTasks', params, context, async (scoped, caller) => {
        const page = await inner.listTasks(params, scoped)
        const listed: readonly unknown[] = Object(page).tasks ?? []
        // AGT-32: the store does not keep users apart.
        if (listed.some((task) => own(Object(task).metadata, callerKey) !== caller)) throw new RefusalError(notApart)
        return page
      }),
    getTask: managed('GetTask', 'getTask'),
    getAuthenticatedExtendedAgentCard: managed('GetExtendedAgentCard', 'getAuthenticatedExtendedAgentCard'),
    createTaskPushNotificationConfig: managed('CreateTaskPushNotificationConfig', 'createTaskPushNotificationConfig'),
    getTaskPushNotificationConfig: managed('GetTaskPushNotificationConfig', 'getTaskPushNotificationConfig'),
    listTaskPushNotificationConfigs: managed('ListTaskPushNotificationConfigs', 'listTaskPushNotificationConfigs'),
    deleteTaskPushNotificationConfig: managed('DeleteTaskPushNotificationConfig', 'deleteTaskPushNotificationConfig'),
  }) as unknown as Pick<Handler, keyof A2aRequestHandler>
}

const notApart = 'the store of tasks returned a task of another caller; use a store that keeps users apart'

/** A stream. If it ends before the executor was started, the call ends. */
async function* endingWith(
  stream: AsyncIterable<unknown>,
  verdict: A2aVerdict,
): AsyncGenerator<unknown, void, undefined> {
  try {
    yield* stream
  } finally {
    verdict.leave?.()
  }
}

/** A task as it is stored now, without its messages; undefined if the store fails. */
async function storedTask(
  inner: LooseHandler,
  id: string,
  context: A2aCallContext,
  report: (error: unknown) => void,
): Promise<StoredTask | undefined> {
  try {
    return (await inner.getTask({ id, tenant: '', historyLength: 0 }, context)) as StoredTask | undefined
  } catch (error) {
    report(error)
    return undefined
  }
}

/** A stream of one answer: a task or a message. */
async function* answerOf(answer: () => unknown): AsyncGenerator<unknown, void, undefined> {
  const value: unknown = await answer()
  yield { payload: { $case: 'status' in Object(value) ? 'task' : 'message', value } }
}

async function* only(value: unknown): AsyncGenerator<unknown, void, undefined> {
  yield value
}
