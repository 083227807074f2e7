/**
 * `procura/agent/a2a`: signed and guarded messages of the Agent2Agent protocol.
 *
 * @module
 */

export { type A2aInterceptor, a2aInterceptor } from '../../agent/frameworks/a2a-client.ts'
export { messageArguments } from '../../agent/frameworks/a2a-message.ts'
export type { A2aRequestHandler, GuardedExecutor } from '../../agent/frameworks/a2a-context.ts'
export { guardedRequestHandler } from '../../agent/frameworks/a2a-server.ts'
export { taskArguments } from '../../agent/frameworks/a2a-task.ts'
