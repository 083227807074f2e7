// node only: listens on a socket
/**
 * Models that follow a script: they ask for the tools of the script one after the other, and then say "done". They
 * record every request, so that a test sees what reached the model.
 *
 * @module
 */

import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A call that a model asks for. */
export interface ScriptedCall {
  /** Undefined for a tool of the client itself. */
  readonly server?: string
  readonly tool: string
  /** The arguments, or a function of the results so far. */
  readonly args: object | ((results: readonly string[]) => object)
  /** Codex: the namespace of a tool of its own. */
  readonly namespace?: string
}

/** The prompt by which the model knows a sub-agent. */
export const subPrompt = 'you are the sub-agent of this test'

/** A model that listens. */
export interface FakeModel {
  readonly url: string
  /** Results of the calls, as the model received them. */
  results(): readonly string[]
  /** Everything that the model received. */
  readonly received: string[]
  /**
   * Follows another script from now on.
   *
   * @param between - called before each answer, with the number of results so far.
   * @param nested - the script of a sub-agent, whose prompt is {@link subPrompt}.
   */
  follow(
    script: readonly ScriptedCall[],
    between?: (done: number) => Promise<void>,
    nested?: readonly ScriptedCall[],
  ): void
  stop(): Promise<void>
}

interface Reading {
  /** The first message of a user. */
  prompt(body: Record<string, unknown>): string
  /** Results of calls in the request. */
  results(body: Record<string, unknown>): readonly string[]
  answer(response: ServerResponse, call: ScriptedCall | undefined, id: number, body: Record<string, unknown>): void
}

/** The model of Claude Code: the Messages API. */
export function messagesModel(): Promise<FakeModel> {
  return startModel('/messages', {
    prompt: ({ messages = [] }) => JSON.stringify((messages as { content: unknown }[])[0]?.content ?? ''),
    results: ({ messages = [] }) =>
      (messages as { content: unknown }[]).flatMap(({ content }) =>
        Array.isArray(content)
          ? content.filter(({ type }) => type === 'tool_result').map((one) => JSON.stringify(one.content))
          : [],
      ),
    answer(response, call, id, { model }) {
      const event = (type: string, data: object): string =>
        `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
      const usage = { input_tokens: 1, output_tokens: 1 }
      const none = { content: [], stop_reason: null, stop_sequence: null, usage }
      const message = { id: `msg_${id}`, type: 'message', role: 'assistant', model, ...none }
      const [block, delta] =
        call === undefined
          ? [
              { type: 'text', text: '' },
              { type: 'text_delta', text: 'done' },
            ]
          : [
              { type: 'tool_use', id: `toolu_${id}`, name: nameOf(call), input: {} },
              { type: 'input_json_delta', partial_json: JSON.stringify(call.args) },
            ]
      const reason = { stop_reason: call === undefined ? 'end_turn' : 'tool_use', stop_sequence: null }
      response.end(
        event('message_start', { message }) +
          event('content_block_start', { index: 0, content_block: block }) +
          event('content_block_delta', { index: 0, delta }) +
          event('content_block_stop', { index: 0 }) +
          event('message_delta', { delta: reason, usage: { output_tokens: 1 } }) +
          event('message_stop', {}),
      )
    },
  })
}

function namespaceOf({ server, namespace }: ScriptedCall): string | undefined {
  return server === undefined ? namespace : `mcp__${server}`
}

function nameOf({ server, tool }: ScriptedCall): string {
  return server === undefined ? tool : `mcp__${server}__${tool}`
}

/** The model of Codex: the Responses API. */
export function responsesModel(): Promise<FakeModel> {
  return startModel('/responses', {
    prompt: ({ input = [] }) =>
      JSON.stringify((input as { role?: string }[]).filter(({ role }) => role === 'user').slice(0, 3)),
    results: ({ input = [] }) =>
      (input as { type: string; output: unknown }[])
        .filter(({ type }) => type === 'function_call_output')
        .map(({ output }) => JSON.stringify(output)),
    answer(response, call, id, { tools }) {
      const event = (type: string, data: object): string =>
        `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
      const isNamespace = JSON.stringify(tools ?? []).includes('"namespace"')
      const item =
        call === undefined
          ? { type: 'message', id: `m_${id}`, role: 'assistant', content: [{ type: 'output_text', text: 'done' }] }
          : {
              ...{ type: 'function_call', id: `fc_${id}`, call_id: `call_${id}` },
              ...(isNamespace ? { name: call.tool, namespace: namespaceOf(call) } : { name: nameOf(call) }),
              arguments: JSON.stringify(call.args),
            }
      const counts = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
      const usage = { ...counts, input_tokens_details: null, output_tokens_details: null }
      response.end(
        event('response.created', { response: { id: `resp_${id}` } }) +
          event('response.output_item.done', { output_index: 0, item }) +
          event('response.completed', { response: { id: `resp_${id}`, usage } }),
      )
    },
  })
}

async function startModel(path: string, reading: Reading): Promise<FakeModel> {
  let script: readonly ScriptedCall[] = []
  let nested: readonly ScriptedCall[] = []
  let between: (done: number) => Promise<void> = async () => undefined
  let last: readonly string[] = []
  let count = 0
  const received: string[] = []
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', async () => {
      const text = Buffer.concat(chunks).toString()
      received.push(text)
      if (!request.url?.includes(path) || request.url.includes('count_tokens')) {
        response.setHeader('content-type', 'application/json')
        return response.end('{"input_tokens":10,"data":[],"models":[]}')
      }
      const body = JSON.parse(text) as Record<string, unknown>
      // The clients also ask for titles and summaries, without tools.
      const hasTools = Array.isArray(body['tools']) && body['tools'].length > 0
      const results = reading.results(body)
      const isNested = nested.length > 0 && reading.prompt(body).includes(subPrompt)
      if (hasTools && !isNested) last = results
      if (hasTools) await between(results.length)
      const next = hasTools ? (isNested ? nested : script)[results.length] : undefined
      const args = typeof next?.args === 'function' ? next.args(results) : (next?.args ?? {})
      response.setHeader('content-type', 'text/event-stream')
      count += 1
      return reading.answer(response, next && { ...next, args }, count, body)
    })
  })
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    results: () => last,
    received,
    follow(calls, meanwhile = async () => undefined, ofSubAgent = []) {
      script = calls
      between = meanwhile
      nested = ofSubAgent
      last = []
    },
    stop: () =>
      new Promise((settle) => {
        server.closeAllConnections()
        server.close(() => settle())
      }),
  }
}
