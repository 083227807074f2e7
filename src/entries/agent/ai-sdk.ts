/**
 * `procura/agent/ai-sdk`: the tools of the AI SDK within the authority of an agent.
 *
 * @module
 */

export {
  type AiToolApproval,
  type AiToolQuestion,
  guardedTools,
  toolApproval,
} from '../../agent/frameworks/ai-sdk.ts'
export type { ActingAgent, ToolPermissionOptions } from '../../agent/frameworks/tool-permission.ts'
