/** Graphs of LangGraph: agents as sub-graphs, which hand over to one another. */

import assert from 'node:assert/strict'
import { AIMessage } from '@langchain/core/messages'
import { fakeModel } from '@langchain/core/testing'
import { Command, END, MemorySaver, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import { createAgent, ToolMessage, tool } from 'langchain'
import { z } from 'zod'
import { langchainMiddleware, langchainTools } from '../../src/agent/frameworks/langchain.ts'
import { like } from '../../src/core/capability/policy/build.ts'
import { canaries, send, setUp, shown } from './setup.ts'

const [bob, carol] = ['bob@example.com', 'carol@example.com']
const task = { commands: [{ command: send, policy: [like('.to', 'bob@*')] }], purpose: 'write to Bob' }
const sending = (...recipients) =>
  recipients.map((to, index) => ({ name: 'mail_send', args: { to }, id: `mail${index}` }))
const handing = { name: 'to_helper', args: {}, id: 'hand' }

/** Calls tools, and ends once it has their answers: for several threads at the same time. */
function modelOf(...calls) {
  const [{ id }] = calls
  const answer = (messages) =>
    messages.some((message) => message.tool_call_id === id)
      ? new AIMessage('done')
      : new AIMessage({ content: '', tool_calls: calls.map((call) => ({ ...call, type: 'tool_call' })) })
  return Array.from({ length: 8 }).reduce((model) => model.respond(answer), fakeModel())
}

/**
 * The main agent hands over to a helper, which is another sub-graph of the same parent. One graph serves all threads:
 * the agent of each is found by its `thread_id`.
 */
async function graphOf({ assistant, mail, mainCalls, helperCalls, own, onHandover = () => undefined }) {
  const children = new Map()
  const childOf = (runtime) => children.get(runtime.configurable.thread_id)
  const executed = []
  const handOver = tool(
    async (_, runtime) => {
      children.set(runtime.configurable.thread_id, await assistant.attenuateFor(task))
      onHandover()
      const answer = new ToolMessage({ content: 'handed over', tool_call_id: runtime.toolCall.id })
      return new Command({ goto: 'helper', graph: Command.PARENT, update: { messages: [answer] } })
    },
    { name: 'to_helper', description: 'Hands over.', schema: z.object({}) },
  )
  // Tools of the program itself are behind the middleware; those of `langchainTools` ask by themselves.
  const ownTool = tool(
    async ({ to }, runtime) => {
      executed.push(to)
      return mail(childOf(runtime)).execute({ to })
    },
    { name: 'mail_send', description: 'Sends.', schema: z.object({ to: z.string() }) },
  )
  const options = { tools: [send], tool, ToolMessage }
  const models = [modelOf(...mainCalls), modelOf(...helperCalls)]
  const main = createAgent({
    model: models[0],
    tools: [...(await langchainTools(assistant, options)), handOver],
    middleware: [langchainMiddleware(assistant, { tools: [send], local: ['to_helper'], ToolMessage })],
  })
  const helper = createAgent(
    own
      ? {
          model: models[1],
          tools: [ownTool],
          middleware: [langchainMiddleware(childOf, { tools: [send], ToolMessage })],
        }
      : { model: models[1], tools: await langchainTools(childOf, options) },
  )
  const graph = new StateGraph(MessagesAnnotation)
    .addNode('main', main.graph, { ends: ['helper', END] })
    .addNode('helper', helper.graph)
    .addEdge(START, 'main')
    .addEdge('main', END)
    .addEdge('helper', END)
    .compile({ checkpointer: new MemorySaver() })
  return { graph, executed, children, models }
}

const run = (graph, thread, more = {}) =>
  graph.invoke({ messages: [{ role: 'user', content: 'hello' }] }, { configurable: { thread_id: thread }, ...more })

export async function checkLanggraph() {
  const { assistant, mail, containers, records, close } = await setUp()
  const kept = []
  for (const own of [false, true]) {
    const before = containers.length
    const { graph, executed, children } = await graphOf({
      ...{ assistant, mail, own },
      mainCalls: [handing],
      helperCalls: sending(bob, carol),
    })
    const result = await run(graph, 'one')
    kept.push(result)
    const told = shown(result)
    assert.ok(told.includes(`sent to ${bob}`), 'an allowed call of the helper')
    assert.ok(!told.includes(`sent to ${carol}`) && told.includes('bob@'), 'the helper has less')
    assert.equal(containers.length, before + 1, 'a refused call is not sent')
    if (own) assert.deepEqual(executed, [bob], 'the tool of a refused call does not run')
    assert.notEqual(children.get('one').did, assistant.did)
  }

  // The helper cannot act in a thread that has not handed over to it.
  const lonely = await graphOf({ assistant, mail, mainCalls: [handing], helperCalls: sending(bob), own: false })
  const jumped = await lonely.graph.invoke(new Command({ goto: 'helper' }), { configurable: { thread_id: 'two' } })
  assert.ok(shown(jumped).includes('no authority was delegated'), 'a helper without a hand-off')

  // The main agent writes and hands over at the same time: both run, each with the authority of its agent. LangGraph
  // keeps the messages of the hand-off alone.
  const already = containers.length
  const both = await graphOf({
    ...{ assistant, mail, own: false },
    mainCalls: [...sending(carol), handing],
    helperCalls: sending(bob),
  })
  kept.push(await run(both.graph, 'three'))
  assert.ok(shown(kept.at(-1)).includes(`sent to ${bob}`), 'a hand-off beside a call')
  assert.equal(containers.length, already + 2, 'a call beside a hand-off')

  // Two threads of one graph.
  const threads = await graphOf({ assistant, mail, mainCalls: [handing], helperCalls: sending(bob), own: false })
  kept.push(...(await Promise.all(['four', 'five'].map((thread) => run(threads.graph, thread)))))
  assert.notEqual(threads.children.get('four').did, threads.children.get('five').did)

  // The stream is aborted between the hand-off and the helper.
  for (const own of [false, true]) {
    const controller = new AbortController()
    const before = containers.length
    const { graph, executed } = await graphOf({
      ...{ assistant, mail, own },
      mainCalls: [handing],
      helperCalls: sending(bob),
      onHandover: () => controller.abort(new Error('the user left')),
    })
    const input = { messages: [{ role: 'user', content: 'hello' }] }
    const settings = { configurable: { thread_id: 'six' }, signal: controller.signal, subgraphs: true }
    await assert.rejects(async () => {
      for await (const part of await graph.stream(input, settings)) kept.push(part)
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.deepEqual([executed.length, containers.length], [0, before], 'an aborted stream calls nothing')
  }

  const text = shown([kept, records()])
  for (const canary of canaries(containers)) assert.ok(!text.includes(canary), 'a key, secret or signed call is shown')
  await close()
}
