/** The frameworks, each with its own fake model. They are not dependencies, so this file has no types. */

import { AIMessage, ToolMessage } from '@langchain/core/messages'
import { fakeModel } from '@langchain/core/testing'
import { MemorySaver } from '@langchain/langgraph'
import * as openai from '@openai/agents-core'
import * as ai6 from 'ai6'
import { MockLanguageModelV3 } from 'ai6/test'
import * as ai7 from 'ai7'
import { MockLanguageModelV4 } from 'ai7/test'
import { createAgent, tool as langchainTool } from 'langchain'
import { z } from 'zod'
import { guardedTools, toolApproval } from '../../src/agent/frameworks/ai-sdk.ts'
import { langchainMiddleware } from '../../src/agent/frameworks/langchain.ts'
import { toolInputGuardrail } from '../../src/agent/frameworks/openai.ts'
import { claude } from './claude.mjs'
import { generations, streamOf } from './generations.mjs'
import { mastra } from './mastra.mjs'
import { shown } from './setup.ts'

const schema = z.object({ to: z.string() })
const description = 'A tool.'

async function langchain({ agent, tools, options, to, signal }) {
  const model = fakeModel()
    .respondWithTools([{ name: tools[0].name, args: { to }, id: 'call1' }])
    .respond(new AIMessage('done'))
  const checkpointer = new MemorySaver()
  const callbacks = []
  const keep = (...values) => void callbacks.push(values)
  const graph = createAgent({
    model,
    checkpointer,
    tools: tools.map(({ name, execute }) => langchainTool(execute, { name, description, schema })),
    middleware: [langchainMiddleware(agent, { ...options, ToolMessage })],
  })
  const handlers = { handleToolStart: keep, handleToolEnd: keep, handleToolError: keep, handleChainEnd: keep }
  const result = await graph.invoke(
    { messages: [{ role: 'user', content: 'hello' }] },
    { configurable: { thread_id: '1' }, callbacks: [handlers], signal },
  )
  return { input: model.calls.at(-1).messages, stored: { result, storage: checkpointer.storage, callbacks } }
}

/** Everything that the AI SDK tells an observer, by a tracer of OpenTelemetry (6) or by an integration (7). */
function observer() {
  const seen = []
  const span = new Proxy(
    {},
    {
      get(_target, name) {
        if (name === 'spanContext') return () => ({ traceId: '1'.repeat(32), spanId: '1'.repeat(16), traceFlags: 1 })
        if (name === 'isRecording') return () => true
        return (...values) => {
          seen.push([name, values])
          return span
        }
      },
    },
  )
  const startActiveSpan = (...given) => {
    seen.push(given.slice(0, -1))
    return given.at(-1)(span)
  }
  const note = (name) => (event) => void seen.push([name, event])
  const names = [
    'onStart',
    'onStepStart',
    'onStepEnd',
    'onToolExecutionStart',
    'onToolExecutionEnd',
    'onEnd',
    'onError',
  ]
  const integration = Object.fromEntries(names.map((name) => [name, note(name)]))
  const startSpan = (...given) => {
    seen.push(given)
    return span
  }
  const tracer = { startSpan, startActiveSpan }
  const settings = { isEnabled: true, recordInputs: true, recordOutputs: true }
  return { seen, telemetry: { ...settings, tracer, integrations: [integration] } }
}

const aiSdk = (sdk, Model, hasToolApproval, isStreamed) => async (run) => {
  const { agent, tools, options, to, signal } = run
  const answers = generations(tools[0].name, { to })
  const callsOf = () => [...model.doGenerateCalls, ...model.doStreamCalls]
  const model = new Model({
    doGenerate: async () => answers[callsOf().length - 1],
    doStream: async () => streamOf(answers[callsOf().length - 1]),
  })
  const given = Object.fromEntries(
    tools.map(({ name, execute }) => [name, sdk.tool({ description, inputSchema: schema, execute })]),
  )
  const { seen, telemetry } = observer()
  const settings = {
    ...{ model, stopWhen: sdk.stepCountIs(3), experimental_telemetry: telemetry, abortSignal: signal },
    // Only `execute` receives the signal of the run.
    tools: hasToolApproval && signal === undefined ? given : guardedTools(agent, given, options),
    ...(hasToolApproval && { toolApproval: toolApproval(agent, options) }),
  }
  const prompt = { role: 'user', content: 'hello' }
  const parts = []
  const generate = async (messages) => {
    if (!isStreamed) return sdk.generateText({ ...settings, messages })
    const result = sdk.streamText({ ...settings, messages })
    for await (const part of result.fullStream) parts.push(part)
    return { content: await result.content, response: await result.response, steps: await result.steps }
  }
  let result = await generate([prompt])
  const request = result.content.find(({ type }) => type === 'tool-approval-request')
  if (request !== undefined && callsOf().length === 1) {
    // The user confirms; the run goes on.
    const confirmed = { type: 'tool-approval-response', approvalId: request.approvalId, approved: true }
    result = await generate([prompt, ...result.response.messages, { role: 'tool', content: [confirmed] }])
  }
  if (!shown(seen).includes(tools[0].name)) throw new Error('the observer saw no tool')
  return { input: callsOf().at(-1).prompt, stored: { steps: result.steps, calls: callsOf(), parts, seen } }
}

/** The model of OpenAI Agents: the given outputs, one after another. */
function openaiModel(outputs) {
  const requests = []
  return {
    requests,
    async getResponse(request) {
      requests.push(structuredClone(request.input))
      return { usage: new openai.Usage(), output: outputs[requests.length - 1] }
    },
    getStreamedResponse() {
      throw new Error('not streamed')
    },
  }
}

const openaiCall = (name, args) => [
  { type: 'function_call', id: 'f1', callId: 'call1', name, status: 'completed', arguments: JSON.stringify(args) },
]
const openaiEnd = [
  {
    type: 'message',
    id: 'm1',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: 'done' }],
  },
]
const openaiTool = ({ name, execute }, guardrail) =>
  openai.tool({ name, description, parameters: schema, execute, inputGuardrails: [guardrail] })

const spans = []
openai.setTraceProcessors([
  {
    async onTraceStart(trace) {
      spans.push(trace.toJSON())
    },
    async onTraceEnd() {},
    async onSpanStart() {},
    async onSpanEnd(span) {
      spans.push(span.toJSON())
    },
    async shutdown() {},
    async forceFlush() {},
  },
])
openai.setTracingDisabled(false)

async function openaiAgents({ agent, tools, options, to, signal }) {
  const model = openaiModel([openaiCall(tools[0].name, { to }), openaiEnd])
  const guardrail = toolInputGuardrail(agent, options)
  const made = new openai.Agent({ name: 'main', model, tools: tools.map((tool) => openaiTool(tool, guardrail)) })
  const result = await openai.run(made, 'hello', { signal })
  return { input: model.requests.at(-1), stored: { history: result.history, state: result.state.toString(), spans } }
}

/** The main agent hands over to another one, which has no authority before that. */
export async function openaiHandoff({ narrow, mail, options, to }) {
  let child
  const model = openaiModel([openaiCall('transfer_to_helper', {}), openaiCall('mail_send', { to }), openaiEnd])
  const guardrail = toolInputGuardrail(() => child, options)
  const execute = (input) => mail(child).execute(input)
  const helper = new openai.Agent({
    name: 'helper',
    model,
    tools: [openaiTool({ name: 'mail_send', execute }, guardrail)],
  })
  const onHandoff = async () => {
    child = await narrow()
  }
  const main = new openai.Agent({ name: 'main', model, handoffs: [openai.handoff(helper, { onHandoff })] })
  const result = await openai.run(main, 'hello')
  return { input: model.requests.at(-1), stored: { history: result.history, state: result.state.toString(), spans } }
}

export const frameworks = {
  'LangChain 1.5': langchain,
  'AI SDK 6': aiSdk(ai6, MockLanguageModelV3, false),
  'AI SDK 7': aiSdk(ai7, MockLanguageModelV4, false),
  'AI SDK 7 with toolApproval': aiSdk(ai7, MockLanguageModelV4, true),
  'AI SDK 6, streamed': aiSdk(ai6, MockLanguageModelV3, false, true),
  'AI SDK 7, streamed, with toolApproval': aiSdk(ai7, MockLanguageModelV4, true, true),
  'OpenAI Agents 0.20': openaiAgents,
  'Claude Agent SDK 0.3': claude,
  'Mastra 1': mastra,
}
