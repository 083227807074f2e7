/**
 * The adapters under the strict types of each framework. `npm run test:frameworks` compiles this file and does not run
 * it: the frameworks are not dependencies.
 */

import { fakeModel } from '@langchain/core/testing'
import { MemorySaver } from '@langchain/langgraph'
import { Agent as MastraAgent } from '@mastra/core/agent'
import { createTool } from '@mastra/core/tools'
import { type Model, Agent as OpenAiAgent, tool as openaiTool, run } from '@openai/agents-core'
import * as ai6 from 'ai6'
import { MockLanguageModelV3 } from 'ai6/test'
import * as ai7 from 'ai7'
import { MockLanguageModelV4 } from 'ai7/test'
import { createAgent, ToolMessage, tool } from 'langchain'
import { defineCommand, generateSigner } from 'procura'
import { type Agent, openAgent, toolOf } from 'procura/agent'
import { aiTools, guardedTools, toolApproval } from 'procura/agent/ai-sdk'
import { langchainMiddleware, langchainTools } from 'procura/agent/langchain'
import { mastraHooks, mastraTools } from 'procura/agent/mastra'
import { openaiTools, toolInputGuardrail } from 'procura/agent/openai'
import { email } from 'procura/arguments'
import { z } from 'zod'

const send = defineCommand({ command: '/mail/send', args: { to: email() } })
const list = defineCommand({ command: '/mail/list', args: {} })
const assistant = await openAgent({ signer: await generateSigner() })
const children = new Map<unknown, Agent>()
const prompt = 'hello'

export async function langchain(): Promise<string | undefined> {
  const given = { tools: [send, list], tool, ToolMessage }
  const now = tool(() => new Date().toISOString(), { name: 'now', description: 'The time.', schema: z.object({}) })
  const middleware = [langchainMiddleware(assistant, { tools: [send, list], local: ['now'], ToolMessage })]
  const tools = [now, ...(await langchainTools(assistant, given))]
  const agent = createAgent({ model: fakeModel(), tools, middleware, checkpointer: new MemorySaver() })
  createAgent({ model: fakeModel(), tools: await langchainTools(assistant, given) })
  await langchainTools((runtime) => children.get(runtime.configurable?.['thread_id']), given)
  langchainMiddleware(({ context }) => children.get(context), { tools: { mail_send: send }, ToolMessage })
  const { name, description, jsonSchema: schema } = toolOf(send)
  tool(async ({ to }: { to: string }) => to, { name, description, schema })
  const { messages } = await agent.invoke({ messages: [{ role: 'user', content: prompt }] })
  return messages.at(-1)?.text
}

export async function aiSdk(): Promise<string> {
  const tools = await aiTools(assistant, { tools: { send } })
  await aiTools((runtime) => children.get(runtime.experimental_context), { tools: [send] })
  await ai6.generateText({ model: new MockLanguageModelV3(), tools, prompt })
  const own = {
    mail: ai7.tool({ inputSchema: z.object({ to: z.string() }), execute: async ({ to }) => to }),
    now: ai7.tool({ inputSchema: z.object({}), execute: () => 1 }),
  }
  const options = { tools: { mail: send }, local: ['now'] }
  const all = { ...tools, ...guardedTools(assistant, own, options) }
  const settings = { model: new MockLanguageModelV4(), toolApproval: toolApproval(assistant, options) }
  const { text } = await ai7.generateText({ ...settings, tools: all, prompt })
  return text
}

export async function openai(model: Model): Promise<string | undefined> {
  const inputGuardrails = [toolInputGuardrail(assistant, { tools: { mail: send } })]
  const parameters = z.object({ to: z.string() })
  const fields = { name: 'mail', description: 'Sends.', parameters, inputGuardrails }
  const own = openaiTool({ ...fields, execute: async ({ to }) => to })
  const tools = await openaiTools(assistant, { tools: [send], tool: openaiTool })
  await openaiTools((run) => children.get(run.context), { tools: [send], tool: openaiTool })
  await run(new OpenAiAgent<{ session: string }>({ name: 'main', model, tools }), prompt, { context: { session: '1' } })
  const { finalOutput } = await run(new OpenAiAgent({ name: 'main', model, tools: [...tools, own] }), prompt)
  return finalOutput
}

export async function mastra(): Promise<string> {
  const tools = await mastraTools(assistant, { tools: [send], createTool })
  const hooks = mastraHooks(assistant, { tools: [send], local: ['now'] })
  const model = new MockLanguageModelV3()
  const agent = new MastraAgent({ id: 'main', name: 'main', instructions: 'Help.', model, tools, hooks })
  const { text } = await agent.generate(prompt)
  return text
}
