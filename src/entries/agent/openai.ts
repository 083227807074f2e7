/**
 * `procura/agent/openai`: the tools of OpenAI Agents within the authority of an agent.
 *
 * @module
 */

export {
  type OpenAiMcpCall,
  type OpenAiRunContext,
  type OpenAiToolCall,
  type OpenAiToolFields,
  type OpenAiToolGuardrail,
  type OpenAiToolsOptions,
  openaiTools,
  type ToolMetaOptions,
  toolInputGuardrail,
  toolMetaResolver,
} from '../../agent/frameworks/openai.ts'
export type { AgentToolsOptions, CallingAgent } from '../../agent/agent-tools.ts'
export type { ActingAgent, ToolPermissionOptions } from '../../agent/frameworks/tool-permission.ts'
