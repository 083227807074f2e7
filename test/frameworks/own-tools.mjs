/** The tools that each framework gets from an agent. A fake model calls them, several at a time. */

import { AIMessage } from '@langchain/core/messages'
import { fakeModel } from '@langchain/core/testing'
import { Agent as MastraAgent } from '@mastra/core/agent'
import { RequestContext } from '@mastra/core/request-context'
import { createTool } from '@mastra/core/tools'
import * as openai from '@openai/agents-core'
import * as ai6 from 'ai6'
import { MockLanguageModelV3 } from 'ai6/test'
import * as ai7 from 'ai7'
import { MockLanguageModelV4 } from 'ai7/test'
import { createAgent, ToolMessage, tool } from 'langchain'
import { aiTools } from '../../src/agent/frameworks/ai-sdk.ts'
import { langchainTools } from '../../src/agent/frameworks/langchain.ts'
import { mastraTools } from '../../src/agent/frameworks/mastra.ts'
import { openaiTools } from '../../src/agent/frameworks/openai.ts'
import { streamOf } from './generations.mjs'

/** What a run gives back: the tools that the model was offered, and the messages of its last request. */
async function langchain({ agent, options, calls, signal, session, isStreamed }) {
  const model = fakeModel()
    .respondWithTools(calls.map(([name, args], index) => ({ name, args, id: `call${index}` })))
    .respond(new AIMessage('done'))
  const tools = await langchainTools(agent, { ...options, tool, ToolMessage })
  const graph = createAgent({ model, tools })
  const input = { messages: [{ role: 'user', content: 'hello' }] }
  const settings = { signal, configurable: { thread_id: session } }
  if (isStreamed) for await (const _ of await graph.stream(input, settings));
  else await graph.invoke(input, settings)
  const offered = tools.map(({ name, description }) => ({ name, description }))
  return { offered, input: model.calls.at(-1).messages }
}

const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } }

function generationsOf(calls) {
  const content = calls.map(([toolName, input], index) => ({
    ...{ type: 'tool-call', toolCallId: `call${index}`, toolName },
    input: JSON.stringify(input),
  }))
  return [
    { content, finishReason: { unified: 'tool-calls' }, usage, warnings: [] },
    { content: [{ type: 'text', text: 'done' }], finishReason: { unified: 'stop' }, usage, warnings: [] },
  ]
}

const aiSdk =
  (sdk, Model) =>
  async ({ agent, options, calls, signal, session, isStreamed }) => {
    const answers = generationsOf(calls)
    const callsOf = () => [...model.doGenerateCalls, ...model.doStreamCalls]
    const model = new Model({
      doGenerate: async () => answers[callsOf().length - 1],
      doStream: async () => streamOf(answers[callsOf().length - 1]),
    })
    const tools = await aiTools(agent, options)
    const settings = { model, tools, stopWhen: sdk.stepCountIs(3), abortSignal: signal, prompt: 'hello' }
    const contexts =
      sdk === ai6
        ? { experimental_context: { session } }
        : { toolsContext: Object.fromEntries(Object.keys(tools).map((name) => [name, { session }])) }
    if (isStreamed) {
      for await (const part of sdk.streamText({ ...settings, ...contexts }).fullStream)
        if (part.type === 'abort') throw new Error('aborted')
    } else await sdk.generateText({ ...settings, ...contexts })
    const offered = Object.entries(tools).map(([name, { description }]) => ({ name, description }))
    return { offered, input: callsOf().at(-1).prompt }
  }

async function openaiAgents({ agent, options, calls, signal, session }) {
  const requests = []
  const outputs = [
    calls.map(([name, args], index) => ({
      ...{ type: 'function_call', callId: `call${index}`, name, status: 'completed' },
      arguments: JSON.stringify(args),
    })),
    [{ type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'done' }] }],
  ]
  const model = {
    async getResponse(request) {
      requests.push(structuredClone(request.input))
      return { usage: new openai.Usage(), output: outputs[requests.length - 1] }
    },
  }
  const tools = await openaiTools(agent, { ...options, tool: openai.tool })
  const made = new openai.Agent({ name: 'main', model, tools })
  await openai.run(made, 'hello', { signal, context: { session } })
  return { offered: tools.map(({ name, description }) => ({ name, description })), input: requests.at(-1) }
}

async function mastra({ agent, options, calls, signal, session }) {
  const answers = generationsOf(calls)
  const model = new MockLanguageModelV3({ doGenerate: async () => answers[model.doGenerateCalls.length - 1] })
  const tools = await mastraTools(agent, { ...options, createTool })
  const made = new MastraAgent({ id: 'main', name: 'main', instructions: 'Help.', model, tools })
  const requestContext = new RequestContext([['session', session]])
  await made.generate('hello', { abortSignal: signal, requestContext })
  const offered = Object.entries(tools).map(([name, { description }]) => ({ name, description }))
  return { offered, input: model.doGenerateCalls.at(-1).prompt }
}

/** Each run, and how the context of a call names the session. */
export const runs = {
  'LangChain 1.5': [langchain, (runtime) => runtime.configurable.thread_id],
  'LangChain 1.5, streamed': [
    (all) => langchain({ ...all, isStreamed: true }),
    (runtime) => runtime.configurable.thread_id,
  ],
  'AI SDK 6': [aiSdk(ai6, MockLanguageModelV3), (runtime) => runtime.experimental_context.session],
  'AI SDK 7': [aiSdk(ai7, MockLanguageModelV4), (runtime) => runtime.context.session],
  'AI SDK 7, streamed': [
    (all) => aiSdk(ai7, MockLanguageModelV4)({ ...all, isStreamed: true }),
    (runtime) => runtime.context.session,
  ],
  'OpenAI Agents 0.20': [openaiAgents, (runContext) => runContext.context.session],
  'Mastra 1': [mastra, (context) => context.requestContext.get('session')],
}
