/**
 * The arguments that bind a call to one request about tasks of A2A.
 *
 * @module
 */

import { text } from '../../core/capability/argument-types/basic.ts'
import type { StandardSchema } from '../../core/capability/standard-schema.ts'
import { canonicalJson } from '../../support/canonical-json.ts'
import { contentDigest } from '../../support/digest.ts'
import { withoutDefaults } from './a2a-message.ts'

/** A method of A2A 1.0 that does not send a message. */
export type A2aTaskMethod =
  | 'CancelTask'
  | 'CreateTaskPushNotificationConfig'
  | 'DeleteTaskPushNotificationConfig'
  | 'GetExtendedAgentCard'
  | 'GetTask'
  | 'GetTaskPushNotificationConfig'
  | 'ListTaskPushNotificationConfigs'
  | 'ListTasks'
  | 'SubscribeToTask'

/** The methods of a client, with their names in the protocol. */
export const clientMethods: ReadonlyMap<string, A2aTaskMethod> = new Map([
  ['cancelTask', 'CancelTask'],
  ['createTaskPushNotificationConfig', 'CreateTaskPushNotificationConfig'],
  ['deleteTaskPushNotificationConfig', 'DeleteTaskPushNotificationConfig'],
  ['getAgentCard', 'GetExtendedAgentCard'],
  ['getTask', 'GetTask'],
  ['getTaskPushNotificationConfig', 'GetTaskPushNotificationConfig'],
  ['listTaskPushNotificationConfig', 'ListTaskPushNotificationConfigs'],
  ['listTasks', 'ListTasks'],
  ['resubscribeTask', 'SubscribeToTask'],
])

/**
 * Makes the schemas of the arguments that bind a call to one request about tasks, for the definition of a command:
 * `method` is its name in the protocol, such as `GetTask`, `task` the id of its task, and `request` a digest of its
 * parameters.
 *
 * @example
 * ```ts
 * import { defineCommand } from 'procura'
 * import { taskArguments } from 'procura/agent/a2a'
 *
 * const manage = defineCommand({ command: '/agent/tasks', args: taskArguments() })
 * ```
 */
export function taskArguments(): Readonly<Record<'method' | 'request' | 'task', StandardSchema<string>>> {
  return Object.freeze({
    method: text({ maxLength: 64 }),
    request: text({ maxLength: 64 }),
    task: text({ maxLength: 256 }),
  })
}

/** The values of {@link taskArguments} for a request. */
export async function taskValues(
  method: A2aTaskMethod,
  request: unknown,
): Promise<{ readonly method: string; readonly request: string; readonly task: string }> {
  // The transport adds the tenant.
  const { tenant: _, ...fields } = Object(request) as Readonly<Record<string, unknown>>
  const bytes = new TextEncoder().encode(canonicalJson([method, withoutDefaults(fields) ?? {}]))
  return { method, request: await contentDigest(bytes), task: taskIdOf(method, request) }
}

/** Whether the requests of a method are about one task. */
export function isAboutTask(method: A2aTaskMethod): boolean {
  return method !== 'ListTasks' && method !== 'GetExtendedAgentCard'
}

/** The id of the task that a request is about; an empty string if it is about none, or the id is not a string. */
export function taskIdOf(method: A2aTaskMethod, request: unknown): string {
  if (!isAboutTask(method)) return ''
  const { id, taskId } = Object(request) as Readonly<Record<string, unknown>>
  const value = method.includes('PushNotification') ? taskId : id
  return typeof value === 'string' ? value : ''
}
