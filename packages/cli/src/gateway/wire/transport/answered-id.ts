/** Characters in which a server begins or ends an answer with its version and the beginning of its id. */
const near = 64

/**
 * The id of an answer, read in the beginning or the end of its line, where servers write it; `unknown` if it has
 * another place, and undefined for a line that is not an answer.
 */
export function answeredId(beginning: string, end: string): { readonly id: unknown } | 'unknown' | undefined {
  const head = beginning.trimStart().slice(0, near)
  if (!head.startsWith('{')) return undefined
  const method = head.indexOf('"method"')
  const own = head.indexOf('"id"')
  if (method >= 0 && (own < 0 || method < own)) return undefined
  return (own < 0 ? undefined : firstId(beginning.trimStart(), own)) ?? lastId(end) ?? 'unknown'
}

/** The id, if it and the version are all that is before the third comma behind it. */
function firstId(text: string, at: number): { readonly id: unknown } | undefined {
  let comma = at
  for (let tries = 0; tries < 3; tries++) {
    comma = text.indexOf(',', comma + 1)
    if (comma < 0) return undefined
    const id = idIn(`${text.slice(0, comma)}}`)
    if (id !== undefined) return id
  }
  return undefined
}

/** The last brace of a line closes the message. An id directly before this brace belongs to the message. */
function lastId(text: string): { readonly id: unknown } | undefined {
  const at = text.lastIndexOf('"id"')
  return at < 0 ? undefined : idIn(`{${text.slice(at)}`)
}

function idIn(text: string): { readonly id: unknown } | undefined {
  try {
    const { id, jsonrpc = '2.0', ...others } = JSON.parse(text) as Readonly<Record<string, unknown>>
    const isId = typeof id === 'string' || typeof id === 'number'
    return isId && jsonrpc === '2.0' && Object.keys(others).length === 0 ? { id } : undefined
  } catch {
    return undefined
  }
}
