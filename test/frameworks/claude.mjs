/** The Claude Agent SDK with the real Claude Code and a fake model on this machine. */

import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSdkMcpServer, query, tool } from '@anthropic-ai/claude-agent-sdk'
import { z } from 'zod'
import { claudeSession } from '../../src/agent/frameworks/claude.ts'
import { guardTools } from '../../src/mcp/guard-tools.ts'
import { toolCall } from '../../src/mcp/tool-call.ts'

const event = (type, data) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`

function block(content, delta, reason) {
  return [
    event('content_block_start', { index: 0, content_block: content }),
    event('content_block_delta', { index: 0, delta }),
    event('content_block_stop', { index: 0 }),
    event('message_delta', { delta: { stop_reason: reason, stop_sequence: null }, usage: { output_tokens: 1 } }),
    event('message_stop', {}),
  ].join('')
}

function answer(id, { name, input, text }) {
  if (name === undefined) return block({ type: 'text', text: '' }, { type: 'text_delta', text }, 'end_turn')
  const delta = { type: 'input_json_delta', partial_json: JSON.stringify(input) }
  return block({ type: 'tool_use', id: `toolu_${id}`, name, input: {} }, delta, 'tool_use')
}

const marker = 'You are the writer.'

/** A model whose answers are given, for the main agent and for the sub-agent. */
async function startModel(answers, childAnswers) {
  const requests = []
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray()
    if (!request.url.includes('/messages') || request.url.includes('count_tokens')) {
      response.end('{"input_tokens":1}')
      return
    }
    const body = JSON.parse(Buffer.concat(chunks).toString())
    const isChild = JSON.stringify(body.system).includes(marker)
    requests.push({ isChild, body })
    const list = isChild ? childAnswers : answers
    const given = list[requests.filter((one) => one.isChild === isChild).length - 1] ?? { text: 'done' }
    const message = {
      ...{ id: `msg_${requests.length}`, type: 'message', role: 'assistant', model: body.model, content: [] },
      ...{ stop_reason: null, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } },
    }
    response.setHeader('content-type', 'text/event-stream')
    response.end(event('message_start', { message }) + answer(requests.length, given))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { requests, server, url: `http://127.0.0.1:${server.address().port}` }
}

/** Everything that Claude Code writes: transcripts, settings, caches. */
function filesIn(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'))
}

async function run({ answers, childAnswers = [], ...options }) {
  const model = await startModel(answers, childAnswers)
  const home = mkdtempSync(join(tmpdir(), 'procura-claude-'))
  const errors = []
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: 'none',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    ENABLE_TOOL_SEARCH: 'false',
  }
  const settings = { env, cwd: home, settingSources: [], strictMcpConfig: true, stderr: (text) => errors.push(text) }
  try {
    const messages = []
    for await (const message of query({ prompt: 'hello', options: { ...settings, ...options } })) messages.push(message)
    const stored = { messages, errors, requests: model.requests, files: filesIn(home) }
    const inputOf = (isChild) => model.requests.filter((one) => one.isChild === isChild).at(-1)?.body.messages
    return { input: inputOf(false), childInput: inputOf(true), stored }
  } finally {
    model.server.closeAllConnections()
    model.server.close()
    rmSync(home, { recursive: true, force: true })
  }
}

const shape = { to: z.string() }
const textOf = (text) => ({ content: [{ type: 'text', text }] })
const serverOf = (tools) =>
  createSdkMcpServer({
    name: 'mail',
    tools: tools.map(({ name, execute }) =>
      tool(name, 'A tool.', shape, async (...args) => textOf(await execute(...args))),
    ),
  })
const prefixed = (tools) => Object.fromEntries(Object.entries(tools).map(([name, one]) => [`mcp__mail__${name}`, one]))

export async function claude({ agent, tools, options, to, signal }) {
  const { hooks } = claudeSession(agent, { ...options, tools: prefixed(options.tools) })
  const name = `mcp__mail__${tools[0].name}`
  const mcpServers = { mail: serverOf(tools) }
  const abortController = new AbortController()
  signal?.addEventListener('abort', () => abortController.abort(signal.reason))
  // Allowed beforehand, so that the hook alone can refuse.
  return run({ answers: [{ name, input: { to } }], allowedTools: [name], hooks, mcpServers, abortController })
}

/** A sub-agent of Claude Code acts with less. */
export async function claudeSubagent({ agent, mail, narrowed, start, options, to }) {
  const session = claudeSession(agent, {
    ...options,
    tools: { ...prefixed(options.tools), Agent: start },
    subagents: { writer: narrowed },
  })
  const name = 'mcp__mail__mail_send'
  const execute = (input, extra) => mail(session.agentFor(extra)).execute(input)
  const { input, childInput, stored } = await run({
    answers: [{ name: 'Agent', input: { description: 'Write', prompt: 'Write.', subagent_type: 'writer' } }],
    childAnswers: [{ name, input: { to } }],
    agents: { writer: { description: 'Writes.', prompt: marker, tools: [name] } },
    allowedTools: [name, 'Agent'],
    hooks: session.hooks,
    mcpServers: { mail: serverOf([{ name: 'mail_send', execute }]) },
  })
  return { input: childInput, stored: [stored, input] }
}

/** The in-process server is guarded itself: the session signs each call of its tools. */
export async function claudeGuarded({ agent, guard, deliver, send, audience, to, permit }) {
  const session = claudeSession(agent, { tools: { mcp__mail__mail_send: send } })
  const server = serverOf([{ name: 'mail_send', execute: (_input, extra) => deliver(toolCall(extra)) }])
  guardTools(server.instance, guard, { tools: { mail_send: send } })
  session.sign(server, { audience })
  const name = 'mcp__mail__mail_send'
  const hooks = permit === undefined ? session.hooks : { PreToolUse: [{ hooks: [permit] }] }
  return run({ answers: [{ name, input: { to } }], allowedTools: [name], hooks, mcpServers: { mail: server } })
}

/** A hook that fails must block the tool. */
export async function claudeFailing({ send, execute, to }) {
  const failing = () => {
    throw new Error('no answer')
  }
  const { hooks } = claudeSession(failing, { tools: { mcp__mail__mail_send: send } })
  const name = 'mcp__mail__mail_send'
  const mcpServers = { mail: serverOf([{ name: 'mail_send', execute }]) }
  return run({ answers: [{ name, input: { to } }], allowedTools: [name], hooks, mcpServers })
}
