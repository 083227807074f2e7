/**
 * `procura/agent`: a signer, and the delegations that were given to it.
 *
 * @module
 */

export type {
  Agent,
  AgentAnswer,
  AgentCallOptions,
  AgentCapability,
  AgentCeilings,
  AgentDecision,
  AgentRefusal,
  AgentRequest,
  AgentService,
  AgentTask,
  AskOptions,
  CallArguments,
  CallResult,
  CapabilityOptions,
  DelegationRecord,
  Handover,
  LooseArguments,
  ReceiptUse,
  Reception,
  RefusalRecord,
  TaskCommand,
} from '../agent/agent.ts'
export {
  type AgentToolsOptions,
  agentTools,
  type CallableTool,
  type CallingAgent,
  type ToolCallOptions,
} from '../agent/agent-tools.ts'
export type { DelegationChange, DelegationStore } from '../core/proof/delegation-store.ts'
export { type MemoryDelegationStoreOptions, memoryDelegationStore } from '../core/proof/memory-delegation-store.ts'
export type { CallApproval } from '../agent/call-approval.ts'
export type { AgentAudit } from '../agent/options.ts'
export { type OpenAgentOptions, openAgent } from '../agent/open-agent.ts'
export type { Renew } from '../agent/renewal.ts'
export { type AgentTool, type ToolOptions, toolOf } from '../agent/tool-of.ts'
export { toolsByName } from '../agent/tools-by-name.ts'
export type { CallReply, Execution, SendCall, SentCall, ServiceDenial } from '../agent/send-call.ts'
