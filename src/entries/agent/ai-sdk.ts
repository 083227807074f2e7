/**
 * `procura/agent/ai-sdk`: the tools of the AI SDK within the authority of an agent.
 *
 * @module
 */

export {
  type AiTool,
  type AiToolApproval,
  type AiToolQuestion,
  aiTools,
  guardedTools,
  toolApproval,
} from '../../agent/frameworks/ai-sdk.ts'
