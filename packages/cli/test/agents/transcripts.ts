// node only: reads files
/** The transcripts that the published agents write. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A call of a tool in a transcript. */
export interface ToolUse {
  readonly toolUse: string
  readonly session: string
  readonly turn?: string
  /** The sub-agent that made it. */
  readonly subAgent?: string
}

type Line = Readonly<Record<string, unknown>>

/** Claude Code: one file for each session, and one for each of its sub-agents. */
export function claudeUses(folder: string): readonly ToolUse[] {
  return transcriptsIn(join(folder, '.claude', 'projects')).flatMap((lines) =>
    lines.flatMap(({ message, sessionId, agentId }) => {
      const { content } = Object(message) as { readonly content?: unknown }
      return (Array.isArray(content) ? (content as Line[]) : [])
        .filter(({ type }) => type === 'tool_use')
        .map(({ id }) => ({
          ...{ toolUse: String(id), session: String(sessionId) },
          ...(agentId !== undefined && { subAgent: String(agentId) }),
        }))
    }),
  )
}

/** Codex: one file for each thread; that of a sub-agent names its parent. */
export function codexUses(folder: string): readonly ToolUse[] {
  return transcriptsIn(join(folder, 'sessions')).flatMap((lines) => {
    const meta = Object(lines.find(({ type }) => type === 'session_meta')?.['payload']) as Line
    const isSubAgent = typeof meta['source'] === 'object'
    return lines.flatMap(({ type, payload }) => {
      const { type: kind, call_id, internal_chat_message_metadata_passthrough: passed } = Object(payload) as Line
      if (type !== 'response_item' || kind !== 'function_call') return []
      const { turn_id } = Object(passed) as Line
      const thread = String(meta['id'])
      return [
        {
          ...{ toolUse: String(call_id), session: String(meta['session_id']), turn: String(turn_id) },
          ...(isSubAgent && { subAgent: thread }),
        },
      ]
    })
  })
}

function transcriptsIn(folder: string): readonly (readonly Line[])[] {
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) =>
      readFileSync(join(folder, name), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Line),
    )
}
