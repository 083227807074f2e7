/**
 * An event of a gateway, for the person who runs it. No message contains a secret, a token or an argument of a call.
 */
export interface GatewayEvent {
  readonly level: 'info' | 'warning' | 'error'
  /** A stable name, for programs. */
  readonly event:
    | 'tools_accepted'
    | 'tools_waiting'
    | 'tool_unusable'
    | 'requests_refused'
    | 'server_unavailable'
    | 'session_opened'
    | 'session_closed'
    | 'session_refused'
    | 'session_fault'
    | 'reloaded'
    | 'reload_failed'
    | 'intents_closed'
    | 'waiting'
    | 'revoked'
    | 'delegation_ends'
    | 'approval_requested'
    | 'approval_answered'
    | 'approval_displaced'
    | 'notification_failed'
    | 'proxy'
    | 'delegations_unrecorded'
    | 'failure'
    | 'stopping'
  /** The name of the MCP server that the event is about. */
  readonly server?: string
  /** The name of the HTTP API that the event is about. */
  readonly api?: string
  /** The call of `approval_requested`, in the first of the events of one call. */
  readonly request?: { readonly agent: string; readonly command: string }
  /** One line. */
  readonly message: string
}

/** Receives events. */
export type OnGatewayEvent = (event: GatewayEvent) => void
