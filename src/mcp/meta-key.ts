import type { OptionCheck } from '../support/options.ts'

/** The key of `_meta` under which a container travels, unless another one is configured. MCP-01 */
export const defaultMetaKey = 'xyz.ucan/container'

/** A label of the prefix, as the specification of MCP describes keys of `_meta`. */
const label = /^[A-Za-z][A-Za-z0-9-]*$/

/** The name after the prefix. */
const name = /^[A-Za-z0-9][A-Za-z0-9._-]*$/

/** MCP reserves the prefixes whose second label is one of these. */
const reserved: ReadonlySet<string> = new Set(['mcp', 'modelcontextprotocol'])

/** Checks an option that is a key of `_meta`. MCP-02 */
export const metaKeyCheck: OptionCheck = (value) => {
  const [prefix = '', ending = '', ...more] = typeof value === 'string' ? value.split('/') : []
  const labels = prefix.split('.')
  const isForm = labels.length > 1 && labels.every((one) => label.test(one) && !one.endsWith('-'))
  if (!isForm || more.length > 0 || !name.test(ending) || /[._-]$/.test(ending))
    return 'must be a key of `_meta` with a prefix in reverse DNS notation, such as `com.example/container`'
  return reserved.has(labels[1]?.toLowerCase() ?? '')
    ? 'must not have a prefix that MCP reserves; use a domain of your own'
    : undefined
}

/** A copy of `_meta` without the container, and without the other values of this library. */
export function withoutKey(meta: unknown, key: string): unknown {
  if (typeof meta !== 'object' || meta === null) return meta
  return Object.fromEntries(Object.entries(meta).filter(([name]) => name !== key && !name.startsWith(`${key}.`)))
}
