/**
 * `procura/agent/ai-sdk`: the tools of the AI SDK within the authority of an agent.
 *
 * @module
 */

export {
  type AiTool,
  type AiToolApproval,
  type AiToolQuestion,
  type AiToolRuntime,
  aiTools,
  guardedTools,
  toolApproval,
} from '../../agent/frameworks/ai-sdk.ts'
export type { AgentToolsOptions, CallingAgent } from '../../agent/agent-tools.ts'
export type { ActingAgent, ToolPermissionOptions } from '../../agent/frameworks/tool-permission.ts'
