/**
 * `procura/agent/openai`: the tools of OpenAI Agents within the authority of an agent.
 *
 * @module
 */

export {
  type OpenAiMcpCall,
  type OpenAiToolGuardrail,
  openaiTools,
  toolInputGuardrail,
  toolMetaResolver,
} from '../../agent/frameworks/openai.ts'
