// node only: starts programs and listens on sockets
/**
 * `procura-cli`: the parts of a gateway between an agent and MCP servers.
 *
 * @module
 */

export type { GatewayHealth } from './gateway/admin/serve-admin.ts'
export { apiCommand } from './gateway/api/api-command.ts'
export {
  type PageEnrolment,
  type StartPageEnrolmentOptions,
  startPageEnrolment,
} from './gateway/approvals/enroll-page.ts'
export {
  type AnswerApprovalOptions,
  answerApproval,
  type EnrollApproverOptions,
  enrollApprover,
  type ListApprovalsOptions,
  listApprovals,
  type WaitingApproval,
} from './gateway/approvals/review-approvals.ts'
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
export { listenForApi } from './gateway/connect/api/listen-for-api.ts'
export type { ApiListener, ListenForApiOptions } from './gateway/connect/api/options.ts'
export { connectToGateway } from './gateway/connect/connect-to-gateway.ts'
export {
  type GatewayConnection,
  type KeySource,
  readConnection,
  type UnlockSources,
  writeConnection,
} from './gateway/connect/connection-file.ts'
export type { ConnectToGatewayOptions } from './gateway/connect/options.ts'
export type { GatewayEvent, OnGatewayEvent } from './gateway/events.ts'
export { agentFolder, gatewayHome, type HomeEnvironment } from './gateway/home.ts'
export { type AnswerHookOptions, answerHook, type HookRefusal } from './gateway/hook/answer-hook.ts'
export {
  type Gateway,
  type OpenGatewayOptions,
  openGateway,
} from './gateway/open-gateway.ts'
export type { AllowedRequests } from './gateway/passing-methods.ts'
export type { GatewayServer } from './gateway/supply.ts'
export { toolCommand } from './gateway/tool-command.ts'
export type { ComparedTool, ToolState } from './gateway/tools/compare-tools.ts'
export {
  type AcceptToolsOptions,
  acceptTools,
  type ReviewToolsOptions,
  reviewTools,
} from './gateway/tools/review-tools.ts'
export { toolListHash } from './gateway/tools/tool-list-hash.ts'
export type { TransportFetch } from './gateway/transport/http-connection.ts'
export {
  type HttpSendOptions,
  type HttpTransportOptions,
  httpTransport,
} from './gateway/transport/http-transport.ts'
export { type LineTransportOptions, lineTransport } from './gateway/transport/line-transport.ts'
export type { McpTransport } from './gateway/transport/mcp-transport.ts'
export { type CredentialUser, credentialRulesOf } from './gateway/upstream/credential-rules.ts'
