// node only: starts programs and listens on sockets
/**
 * `procura-cli`: the parts of a gateway between an agent and MCP servers.
 *
 * @module
 */

export { listenForApi } from './gateway/agent-side/connect/api/listen-for-api.ts'
export type { ApiListener, ListenForApiOptions } from './gateway/agent-side/connect/api/options.ts'
export { connectToGateway } from './gateway/agent-side/connect/connect-to-gateway.ts'
export {
  type GatewayConnection,
  type KeySource,
  readConnection,
  type UnlockSources,
  writeConnection,
} from './gateway/agent-side/connect/connection-file.ts'
export type { ConnectToGatewayOptions } from './gateway/agent-side/connect/options.ts'
export { type AnswerHookOptions, answerHook, type HookRefusal } from './gateway/agent-side/hook/answer-hook.ts'
export { agentFolder, gatewayHome, type HomeEnvironment } from './gateway/configuration/home.ts'
export type { MovedGateway } from './gateway/configuration/moved.ts'
export type { AllowedRequests } from './gateway/configuration/passing-methods.ts'
export {
  type ApiConfig,
  type GatewayConfig,
  type HttpServerConfig,
  type ListenPlace,
  readGatewayConfig,
  type SecretHeaders,
  type StdioServerConfig,
  type ToolApprovals,
} from './gateway/configuration/read-gateway-config.ts'
export type { VaultUnlock } from './gateway/configuration/vault-unlock.ts'
export type { GatewayHealth } from './gateway/serve/admin/serve-admin.ts'
export { apiCommand } from './gateway/serve/api/api-command.ts'
export {
  type PageEnrolment,
  type StartPageEnrolmentOptions,
  startPageEnrolment,
} from './gateway/serve/approvals/enroll-page.ts'
export {
  type AnswerApprovalOptions,
  answerApproval,
  type EnrollApproverOptions,
  enrollApprover,
  type ListApprovalsOptions,
  listApprovals,
  type WaitingApproval,
} from './gateway/serve/approvals/review-approvals.ts'
export type { GatewayEvent, OnGatewayEvent } from './gateway/serve/events.ts'
export {
  type Gateway,
  type OpenGatewayOptions,
  openGateway,
} from './gateway/serve/open-gateway.ts'
export type { GatewayServer } from './gateway/serve/snapshots.ts'
export type { ComparedTool, ToolState } from './gateway/serve/tools/compare-tools.ts'
export {
  type AcceptToolsOptions,
  acceptTools,
  type ReviewToolsOptions,
  reviewTools,
} from './gateway/serve/tools/review-tools.ts'
export { toolListHash } from './gateway/serve/tools/tool-list-hash.ts'
export { type CredentialUser, credentialRulesOf } from './gateway/serve/upstream/credential-rules.ts'
export { toolCommand } from './gateway/wire/tool-command.ts'
export type { TransportFetch } from './gateway/wire/transport/http-connection.ts'
export {
  type HttpSendOptions,
  type HttpTransportOptions,
  httpTransport,
} from './gateway/wire/transport/http-transport.ts'
export { type LineTransportOptions, lineTransport } from './gateway/wire/transport/line-transport.ts'
export type { McpTransport } from './gateway/wire/transport/mcp-transport.ts'
