/**
 * `procura/agent/openai`: the tools of OpenAI Agents within the authority of an agent.
 *
 * @module
 */

export {
  type OpenAiMcpCall,
  type OpenAiToolCall,
  type OpenAiToolGuardrail,
  type ToolMetaOptions,
  toolInputGuardrail,
  toolMetaResolver,
} from '../../agent/frameworks/openai.ts'
export type { ActingAgent, ToolPermissionOptions } from '../../agent/frameworks/tool-permission.ts'
