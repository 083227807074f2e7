/** The answers of the fake models that the AI SDK and Mastra share: a call of a tool, then an end. */

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
}

export function generations(toolName, input) {
  return [
    {
      content: [{ type: 'tool-call', toolCallId: 'call1', toolName, input: JSON.stringify(input) }],
      finishReason: { unified: 'tool-calls', raw: undefined },
      usage,
      warnings: [],
    },
    {
      content: [{ type: 'text', text: 'done' }],
      finishReason: { unified: 'stop', raw: undefined },
      usage,
      warnings: [],
    },
  ]
}

/** The same answer as a stream. */
export function streamOf({ content, finishReason, usage }) {
  const text = ({ text }) => [
    { type: 'text-start', id: '1' },
    { type: 'text-delta', id: '1', delta: text },
    { type: 'text-end', id: '1' },
  ]
  const parts = content.flatMap((part) => (part.type === 'text' ? text(part) : [part]))
  const all = [{ type: 'stream-start', warnings: [] }, ...parts, { type: 'finish', finishReason, usage }]
  return { stream: ReadableStream.from(all) }
}
