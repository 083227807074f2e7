import { canonicalJson } from '../support/canonical-json.ts'
import { sha256Bytes } from '../support/digest.ts'

/** The parts of a tool that a model reads, and that a change of meaning would change. */
export interface PinnedTool {
  readonly name: string
  readonly title?: string | undefined
  readonly description?: string | undefined
  readonly inputSchema?: unknown
  readonly outputSchema?: unknown
  readonly annotations?: unknown
}

/** The members of a tool that the hash covers. MCP-35 */
const pinned = ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'] as const

/** A tool without its other members, such as `_meta`, `icons` and `execution`: nobody has accepted them. */
export function pinnedParts(tool: PinnedTool): PinnedTool & Readonly<Record<string, unknown>> {
  const present = pinned.filter((name) => tool[name] !== undefined)
  return Object.fromEntries(present.map((name) => [name, tool[name]])) as unknown as PinnedTool &
    Record<string, unknown>
}

/**
 * The accepted hashes of tools, by name; a `Map` is one.
 *
 * - Returns the hash that somebody accepted, or resolves to it.
 * - Returns undefined, or resolves to it, when nobody has accepted the tool.
 * - A rejection refuses the call.
 */
export interface ToolPins {
  get(tool: string): string | undefined | Promise<string | undefined>
}

/**
 * The hash of a tool's definition, to be accepted by somebody who has read it: SHA-256 of its name, title, description,
 * schemas and annotations as JSON with ordered keys. MCP-12
 *
 * @returns `sha256-` and 64 hexadecimal digits.
 *
 * @example
 * ```ts
 * import { toolHash } from 'procura/mcp'
 *
 * const accepted = new Map<string, string>()
 * const tool = { name: 'send_mail', description: 'sends a mail', inputSchema: { type: 'object' } }
 * accepted.set(tool.name, await toolHash(tool))
 * ```
 */
export async function toolHash(tool: PinnedTool): Promise<string> {
  // Through JSON first: an undefined property and an absent one are the same on the wire.
  const wire: unknown = JSON.parse(JSON.stringify(pinnedParts(tool)))
  const digest = await sha256Bytes(new TextEncoder().encode(canonicalJson(wire)))
  return `sha256-${Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
