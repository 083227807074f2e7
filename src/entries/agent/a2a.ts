/**
 * `procura/agent/a2a`: signed and guarded messages of the Agent2Agent protocol.
 *
 * @module
 */

export {
  type A2aBeforeArgs,
  type A2aCommand,
  type A2aInterceptor,
  type A2aInterceptorOptions,
  a2aInterceptor,
} from '../../agent/frameworks/a2a-client.ts'
export {
  type A2aMessage,
  type A2aMessageSchemas,
  type A2aPart,
  type A2aSendRequest,
  messageArguments,
} from '../../agent/frameworks/a2a-message.ts'
export type {
  A2aCallContext,
  A2aEventBus,
  A2aRequestContext,
  A2aRequestHandler,
  GuardedExecutor,
} from '../../agent/frameworks/a2a-context.ts'
export type { A2aExecutor } from '../../agent/frameworks/a2a-executor.ts'
export { type GuardedRequestHandlerOptions, guardedRequestHandler } from '../../agent/frameworks/a2a-server.ts'
export { type A2aTaskMethod, type A2aTaskSchemas, taskArguments } from '../../agent/frameworks/a2a-task.ts'
export type { ActingAgent } from '../../agent/frameworks/tool-permission.ts'
