/** Headers that belong to a connection of HTTP: a configuration cannot set them. */
const connectionHeaders: readonly string[] = [
  ...['connection', 'content-length', 'cookie', 'expect', 'host', 'keep-alive'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade'],
]

/** Headers that a client of Streamable HTTP sets itself, in each version of the protocol of MCP. */
export const sessionHeaders: readonly string[] = Object.freeze([
  ...['accept', 'content-type', 'last-event-id'],
  ...['mcp-method', 'mcp-name', 'mcp-protocol-version', 'mcp-session-id'],
])

/** Whether a connection or the protocol of MCP sets a header itself, in any case of its letters. */
export function isProtocolHeader(name: string): boolean {
  const lower = name.toLowerCase()
  return connectionHeaders.includes(lower) || sessionHeaders.includes(lower)
}
