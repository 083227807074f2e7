/**
 * The executor behind a guarded request handler of A2A.
 *
 * @module
 */

import { AuthorizationError } from '../../errors.ts'
import type { GuardedCall } from '../../guard/call.ts'
import type { A2aEventBus, A2aRequestContext, GuardedExecutor } from './a2a-context.ts'
import { callerKey, publishFailure, publishWaiting, type Refusal, type StoredTask } from './a2a-refusal.ts'

/** An `AgentExecutor` of A2A, which receives the authorized call too. */
export interface A2aExecutor<Context, Bus> {
  execute(context: Context, bus: Bus, call: GuardedCall): Promise<void>
  cancelTask(taskId: string, bus: Bus): Promise<void>
}

/** The decision about a message, for its executor. */
export type A2aVerdict = AllowedMessage | WaitingMessage

/** A message that waits for an approval of its verified caller's call. */
interface WaitingMessage {
  readonly refusal: Refusal
  readonly caller: string
  readonly leave?: undefined
}

/** An allowed message. */
interface AllowedMessage {
  readonly call: GuardedCall
  /** Settles with the executor. */
  readonly ended: Promise<void>
  /** The executor begins. It can do so once. */
  readonly begin: () => boolean
  readonly end: (error?: unknown) => void
  /** Nobody waits for the executor any more. If it has not begun, it never does. */
  readonly leave: () => void
}

/** The verdict about an allowed message. */
export function newVerdict(call: GuardedCall): AllowedMessage {
  let settle: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined
  const ended = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject }
  })
  // It may fail before somebody waits for it.
  ended.catch(() => undefined)
  let hasBegun = false
  return {
    call,
    ended,
    begin: () => {
      const isFirst = !hasBegun
      hasBegun = true
      return isFirst
    },
    end: (error) => (error === undefined ? settle?.resolve() : settle?.reject(error)),
    leave: () => {
      if (!hasBegun) settle?.resolve()
      hasBegun = true
    },
  }
}

/** The executor for the handler of the SDK, and the place of cancellations. */
export interface ExecutorOfHandler<Context, Bus> {
  readonly guarded: GuardedExecutor<Context, Bus>
  /** Cancels a task of a caller, within `work`. */
  readonly cancelling: <T>(taskId: string, caller: string, work: () => Promise<T>) => Promise<T>
}

/** The stored task with which the stream of a message must begin; undefined if its answer is no stream. */
export type StartOfStream = (context: A2aRequestContext) => Promise<StoredTask | undefined>

/** Makes the executor that runs messages which passed the guard, and no other. */
export function executorFor<Context extends A2aRequestContext, Bus extends A2aEventBus>(
  executor: A2aExecutor<Context, Bus>,
  verdictOf: (context: A2aRequestContext['context']) => A2aVerdict | undefined,
  report: (error: unknown) => void,
  startOf: StartOfStream,
): ExecutorOfHandler<Context, Bus> {
  const cancelled = new Set<{ readonly taskId: string; readonly caller: string }>()
  const callerOf = (id: string): string => [...cancelled].find(({ taskId }) => taskId === id)?.caller ?? ''
  return {
    guarded: Object.freeze({
      async execute(context, bus) {
        const verdict = verdictOf(context.context)
        if (verdict !== undefined && 'refusal' in verdict)
          return publishWaiting(context, bus, verdict.refusal, verdict.caller)
        if (verdict === undefined || !verdict.begin())
          throw new AuthorizationError('the message did not pass the guard; pass this handler to the transports alone')
        const { call, end } = verdict
        const own = ownedBy(call.invoker, bus, context.taskId)
        try {
          await executor.execute(context, own.bus, call)
          end()
        } catch (error) {
          own.close()
          report(error)
          try {
            // AGT-33: the SDK would publish a task without its caller, and the message of the error.
            const isKnown = context.task !== undefined && !own.isPublished()
            const start = isKnown ? await startOf(context) : undefined
            publishFailure(context, bus, call.invoker, { isPublished: own.isPublished(), start })
          } finally {
            end(error ?? new AuthorizationError('the executor failed'))
          }
        }
      },
      cancelTask: (taskId, bus) => executor.cancelTask(taskId, ownedBy(callerOf(taskId), bus, taskId).bus),
    } satisfies GuardedExecutor<Context, Bus>),
    async cancelling(taskId, caller, work) {
      // Each request has its own entry: a task may be cancelled twice at the same time.
      const entry = { taskId, caller }
      cancelled.add(entry)
      try {
        return await work()
      } finally {
        cancelled.delete(entry)
      }
    },
  }
}

/** The bus of an executor. */
interface OwnedBus<Bus> {
  /** Writes the caller into each task that is published. */
  readonly bus: Bus
  /** Whether the executor has published its task. */
  readonly isPublished: () => boolean
  /** Nothing more is published: a failed executor does not open its task again. */
  readonly close: () => void
}

function ownedBy<Bus extends A2aEventBus>(caller: string, bus: Bus, taskId: string): OwnedBus<Bus> {
  let isPublished = false
  let isOpen = true
  const publish = (event: TaskEvent): void => {
    if (!isOpen) return
    const { kind, data } = event
    const isTask = kind === 'task'
    // The SDK merges the metadata of a state into its task.
    const isOwned = isTask || (kind === 'statusUpdate' && Object.hasOwn(Object(data.metadata), callerKey))
    if (isTask) isPublished ||= data.id === taskId
    bus.publish(
      (isOwned ? { kind, data: { ...data, metadata: { ...data.metadata, [callerKey]: caller } } } : event) as never,
    )
  }
  const proxy = new Proxy(bus, {
    get(target, property) {
      if (property === 'publish') return publish
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return {
    bus: proxy,
    isPublished: () => isPublished,
    close: () => {
      isOpen = false
    },
  }
}

interface TaskEvent {
  readonly kind: string
  readonly data: { readonly id?: unknown; readonly metadata?: object | undefined }
}
