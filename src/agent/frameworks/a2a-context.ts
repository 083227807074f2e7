/**
 * The parts of the server of A2A 1.0 that are used.
 *
 * @module
 */

import type { A2aSendRequest } from './a2a-message.ts'

/** The part of a `ServerCallContext` of A2A 1.0 that is used. */
export interface A2aCallContext {
  readonly state: ReadonlyMap<string, unknown>
}

/** The part of a `RequestContext` of A2A 1.0 that is used. */
export interface A2aRequestContext {
  readonly request: A2aSendRequest
  readonly taskId: string
  readonly contextId: string
  readonly task?: { readonly metadata?: object | undefined } | undefined
  readonly context: A2aCallContext
}

/** The part of an `ExecutionEventBus` of A2A that is used. */
export interface A2aEventBus {
  publish(event: never): void
}

/** An `A2ARequestHandler` of A2A 1.0: all methods of the protocol, whatever the transport. */
export interface A2aRequestHandler {
  getAgentCard(): Promise<unknown>
  getAuthenticatedExtendedAgentCard(params: never, context: never): Promise<unknown>
  sendMessage(params: never, context: never): Promise<unknown>
  sendMessageStream(params: never, context: never): AsyncGenerator<unknown, void, undefined>
  getTask(params: never, context: never): Promise<unknown>
  cancelTask(params: never, context: never): Promise<unknown>
  createTaskPushNotificationConfig(params: never, context: never): Promise<unknown>
  getTaskPushNotificationConfig(params: never, context: never): Promise<unknown>
  listTaskPushNotificationConfigs(params: never, context: never): Promise<unknown>
  deleteTaskPushNotificationConfig(params: never, context: never): Promise<void>
  resubscribe(params: never, context: never): AsyncGenerator<unknown, void, undefined>
  listTasks(params: never, context: never): Promise<unknown>
}

/** An `AgentExecutor` of A2A. */
export interface GuardedExecutor<Context, Bus> {
  execute(context: Context, bus: Bus): Promise<void>
  cancelTask(taskId: string, bus: Bus): Promise<void>
}

/** The same context with the caller as its user: the stores of the SDK keep users apart. */
export function scopedTo<Context extends A2aCallContext>(
  context: Context,
  caller: string,
  isAuthenticated: boolean,
): Context {
  const user = Object.freeze({ isAuthenticated, userName: caller })
  return new Proxy(context, {
    get(target, property) {
      if (property === 'user') return user
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** The value of an own property; undefined if it is missing. */
export function own(of: unknown, name: string): unknown {
  return Object.hasOwn(Object(of), name) ? (Object(of) as Readonly<Record<string, unknown>>)[name] : undefined
}

/** The SDK stores the headers of the request, with names in lower case. */
export function containerOf({ state }: A2aCallContext): string | undefined {
  const container = own(state.get('headers'), 'x-ucan-container')
  return typeof container === 'string' && container !== '' ? container : undefined
}
