/** The message, as far as its headers depend on it. */
interface HeaderedMessage {
  readonly method?: unknown
  readonly params?: { readonly _meta?: Readonly<Record<string, unknown>> } & Readonly<Record<string, unknown>>
}

/** The parameter that names the target of a request. */
const targets: ReadonlyMap<unknown, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
])

/**
 * The headers of a request that repeat parts of its body. The protocol version 2026-07-28 requires them where the
 * request contains its version; others have none.
 */
export function headersOfBody(message: unknown): Readonly<Record<string, string>> {
  const { method, params } = Object(message) as HeaderedMessage
  const version: unknown = Object(params?._meta)['io.modelcontextprotocol/protocolVersion']
  if (typeof version !== 'string' || typeof method !== 'string' || !Object.hasOwn(Object(message), 'id')) return {}
  const target = targets.get(method)
  const name: unknown = target === undefined ? undefined : Object(params)[target]
  return {
    'mcp-protocol-version': fieldValue(version),
    'mcp-method': fieldValue(method),
    ...(typeof name === 'string' && { 'mcp-name': fieldValue(name) }),
  }
}

/** A value as a header field: text that a header cannot carry is in base64. */
function fieldValue(value: string): string {
  const isPlain = /^[\t\x20-\x7e]+$/.test(value) && value === value.trim() && !/^=\?base64\?.*\?=$/.test(value)
  if (isPlain) return value
  const binary = Array.from(new TextEncoder().encode(value), (byte) => String.fromCharCode(byte)).join('')
  return `=?base64?${btoa(binary)}?=`
}
