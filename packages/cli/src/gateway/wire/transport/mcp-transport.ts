/** A transport of MCP, for `relayTools`. */
export interface McpTransport {
  /** Starts to receive. Does nothing if it has started. */
  start(): Promise<void>
  send(message: unknown, options?: unknown): Promise<void>
  /** Ends the connection. */
  close(): Promise<void>
  /** Receives each message, parsed, in order: the next one is read when the promise that it returns has settled. */
  onmessage?: ((message: unknown) => unknown) | undefined
  /** Called once, when nothing comes any more. */
  onclose?: (() => void) | undefined
  /** Receives faults of the other side that do not end the connection, and the error that ends it. */
  onerror?: ((error: unknown) => void) | undefined
}
