import type { PinnedTool } from 'procura/mcp'

/** The parts of a tool that are accepted: those in its hash. */
export function partsOf({ name, title, description, inputSchema, outputSchema, annotations }: PinnedTool): PinnedTool {
  return { name, title, description, inputSchema, outputSchema, annotations }
}

/** Whether a value is a tool with a name, as far as the gateway reads it. */
export function isTool(value: unknown): value is PinnedTool {
  const { name, title, description } = Object(value) as Readonly<Record<string, unknown>>
  const isText = (one: unknown): boolean => one === undefined || typeof one === 'string'
  return typeof name === 'string' && name !== '' && name.length <= 512 && isText(title) && isText(description)
}
