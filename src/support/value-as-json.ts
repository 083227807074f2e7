/**
 * Writes the value of a handler as JSON. `JSON.stringify` makes `{}` of a stream, a file or a map, and the internals of
 * a stream of Node, without an error.
 *
 * @throws TypeError when JSON has no form for the value.
 */
export function valueAsJson(value: unknown): string {
  const kind = typeof value === 'object' && value !== null ? kindOf(value) : undefined
  if (kind !== undefined)
    throw new TypeError(
      `the value of the handler is ${kind}, which JSON cannot represent; return plain data, or \`new Response(…)\` with a body`,
    )
  const json = JSON.stringify(value)
  if (json === undefined) throw new TypeError('the value of the handler cannot be written as JSON')
  return json
}

/** Types whose data is not in members. */
const withoutMembers: ReadonlySet<string> = new Set([
  ...['Response', 'Request', 'Headers', 'FormData', 'URLSearchParams', 'ReadableStream', 'Blob', 'File'],
  ...['Generator', 'SharedArrayBuffer', 'WeakMap', 'WeakSet', 'RegExp'],
])

/** The kind of a value that is not data, or whose data JSON leaves out. */
function kindOf(value: object): string | undefined {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return 'binary data'
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return undefined
  if (value instanceof ReadableStream || Symbol.asyncIterator in value) return 'a stream'
  if (value instanceof Map || value instanceof Set) return 'a map or a set'
  if (value instanceof Blob) return 'a file'
  // The class of another implementation, such as the package `undici`, has the same tag.
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  if (withoutMembers.has(tag)) return `an object of the type ${tag}`
  return value instanceof Error ? 'an error' : undefined
}
