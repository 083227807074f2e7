/** Mastra, with its own storage and a fake model. It is no dependency, so this file has no types. */

import { Mastra } from '@mastra/core'
import { Agent } from '@mastra/core/agent'
import { InMemoryStore } from '@mastra/core/storage'
import { createTool } from '@mastra/core/tools'
import { MockLanguageModelV3 } from 'ai6/test'
import { z } from 'zod'
import { mastraHooks } from '../../src/agent/frameworks/mastra.ts'
import { generations } from './generations.mjs'

const description = 'A tool.'

function modelOf(name, input) {
  const answers = generations(name, input)
  const model = new MockLanguageModelV3({ doGenerate: async () => answers[model.doGenerateCalls.length - 1] })
  return model
}

const toolsOf = (tools) =>
  Object.fromEntries(
    tools.map(({ name, execute }) => [
      name,
      createTool({
        id: name,
        description,
        inputSchema: z.object({ to: z.string() }),
        execute: (input) => execute(input),
      }),
    ]),
  )

async function run(agent, model, options) {
  const storage = new InMemoryStore()
  const logs = []
  const note = (...values) => void logs.push(values)
  const logger = {
    debug: note,
    info: note,
    warn: note,
    error: note,
    trackException: note,
    getTransports: () => new Map(),
  }
  const mastra = new Mastra({ agents: { main: agent }, storage, logger })
  const result = await mastra.getAgent('main').generate('hello', options)
  const stores = Object.values(storage.stores).map((store) => ({ ...store }))
  return {
    input: model.doGenerateCalls.at(-1).prompt,
    stored: { result, calls: model.doGenerateCalls, logs, stores },
  }
}

export async function mastra({ agent, tools, options, to, signal }) {
  const model = modelOf(tools[0].name, { to })
  const hooks = mastraHooks(agent, options)
  const made = new Agent({ id: 'main', name: 'main', instructions: 'Help.', model, tools: toolsOf(tools), hooks })
  return run(made, model, { abortSignal: signal })
}

/** The main agent starts another one, which has no authority before that. */
export async function mastraDelegation({ agent, narrow, mail, options, to }) {
  let child
  const model = modelOf('agent-helper', { prompt: `Write to ${to}.` })
  const inner = modelOf('mail_send', { to })
  const execute = (input) => mail(child).execute(input)
  const helper = new Agent({
    id: 'helper',
    name: 'helper',
    description,
    instructions: 'Write.',
    model: inner,
    tools: toolsOf([{ name: 'mail_send', execute }]),
    hooks: mastraHooks(() => child, options),
  })
  const main = new Agent({
    id: 'main',
    name: 'main',
    instructions: 'Help.',
    model,
    agents: { helper },
    hooks: mastraHooks(agent, options),
  })
  const onDelegationStart = async () => {
    child = await narrow()
  }
  const { stored } = await run(main, model, { delegation: { onDelegationStart } })
  return { input: inner.doGenerateCalls.at(-1).prompt, stored: [stored, inner.doGenerateCalls] }
}
