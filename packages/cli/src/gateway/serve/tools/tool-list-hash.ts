import { sha256Bytes } from '#support/digest.ts'
import type { ComparedTool } from './compare-tools.ts'

/**
 * The hash of a list of tools, to be accepted by somebody who has read all of it: of their names and the hashes of
 * their definitions.
 *
 * @returns `sha256-` and 64 hexadecimal digits.
 *
 * @example
 * ```ts
 * import { acceptTools, readGatewayConfig, reviewTools, toolListHash } from 'procura-cli'
 *
 * const config = await readGatewayConfig('gateway.json')
 * const tools = await reviewTools({ config, server: 'mail' })
 * for (const { name, state, seen } of tools) console.log(name, state, seen)
 * await acceptTools({ config, server: 'mail', hashes: [await toolListHash(tools)] })
 * ```
 */
export async function toolListHash(tools: readonly ComparedTool[]): Promise<string> {
  const lines = tools.map(({ name, state, hash }) => [name, state === 'gone', hash])
  const digest = await sha256Bytes(new TextEncoder().encode(JSON.stringify(lines)))
  return `sha256-${Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
