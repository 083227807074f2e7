/** The cases of every framework. It fails at the first one that does not hold. */

import assert from 'node:assert/strict'
import { messageDigest } from '../../src/agent/frameworks/a2a-message.ts'
import { like } from '../../src/core/capability/policy/build.ts'
import { ask as a2aAsk, argumentsOf, clientOf, manage, messageTo, serveAgent } from './a2a.mjs'
import { checkMethods } from './a2a-methods.mjs'
import { claudeFailing, claudeGuarded, claudeSubagent } from './claude.mjs'
import { frameworks, openaiHandoff } from './frameworks.mjs'
import { checkLanggraph } from './langgraph.mjs'
import { mastraDelegation } from './mastra.mjs'
import { runs } from './own-tools.mjs'
import { checkOwnTools } from './own-tools-cases.mjs'
import { checkSchemas } from './schemas.mjs'
import { ask, canaries, send, setUp, shown, start } from './setup.ts'

const printed = []
for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write.bind(stream)
  stream.write = (chunk, ...rest) => {
    printed.push(String(chunk))
    return write(chunk, ...rest)
  }
}

const tools = { mail_send: send, ask_helper: ask }
const narrowed = { commands: [{ command: send, policy: [like('.to', 'bob@*')] }], purpose: 'write to Bob' }
const [bob, carol, eve] = ['bob@example.com', 'carol@example.com', 'eve@example.org']

async function check(framework) {
  const { assistant, mail, containers, executed, records, close } = await setUp()
  const kept = []
  const run = async (agent, to, options = {}, made = [mail(agent)]) => {
    const ran = await framework({ agent, to, tools: made, options: { tools, ...options } })
    kept.push(ran.stored, ran.input)
    return shown(ran.input)
  }
  const reason = async (agent, to) => {
    const answer = await agent.can(send, { to })
    assert.equal(answer.ok, false)
    return JSON.stringify(answer.denial.message).slice(1, -1)
  }

  assert.ok((await run(assistant, carol)).includes(`sent to ${carol}`), 'an allowed call')
  assert.equal(containers.length, 1)
  assert.ok((await run(assistant, eve)).includes(await reason(assistant, eve)), 'the reason of a refusal')
  assert.deepEqual([executed.length, containers.length], [1, 1], 'a refused tool does not run')

  // An agent that fails, or that does not answer before the run is over, lets nothing through.
  const failing = () => Promise.reject(new Error('the agent failed'))
  const rest = { to: carol, tools: [mail(assistant)], options: { tools } }
  await framework({ agent: failing, ...rest }).catch(() => undefined)
  assert.deepEqual([executed.length, containers.length], [1, 1], 'an agent that fails')
  // A run that is aborted while the agent is asked runs no tool.
  const controller = new AbortController()
  const slow = async () => {
    controller.abort(new Error('the user left'))
    await new Promise((resolve) => setTimeout(resolve, 5))
    return assistant
  }
  await framework({ ...rest, agent: slow, signal: controller.signal }).catch(() => undefined)
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.deepEqual([executed.length, containers.length], [1, 1], 'an aborted run')
  // A tool that was added later has no command.
  await framework({ ...rest, agent: assistant, options: { tools: { ask_helper: ask } } }).catch(() => undefined)
  assert.deepEqual([executed.length, containers.length], [1, 1], 'a tool without a command')
  // A tool that fails ends its call alone, and shows no key.
  const broken = {
    name: 'mail_send',
    async execute({ to }) {
      executed.push(to)
      throw new Error('the tool failed')
    },
  }
  const failed = await run(assistant, carol, {}, [broken]).catch(shown)
  assert.match(failed, /fail|error/i, 'a tool that fails')
  executed.pop()

  const helper = {
    name: 'ask_helper',
    async execute({ to }) {
      return run(await assistant.attenuateFor(narrowed), to)
    },
  }
  assert.ok((await run(assistant, bob, {}, [helper])).includes(`sent to ${bob}`), 'a sub-agent')
  assert.equal(containers.length, 2)
  const refused = await run(assistant, carol, {}, [helper])
  assert.ok(refused.includes('bob@'), 'a sub-agent has less')
  assert.deepEqual([executed.length, containers.length], [2, 2], 'the tool of the sub-agent does not run')

  assert.ok((await run(assistant, eve, { approvable: 'passed' })).includes(`sent to ${eve}`), 'an approval')
  assert.equal(containers.length, 3)
  search([kept, records()], containers)
  await close()
}

function search(kept, containers) {
  const text = [shown(kept), ...printed].join('\n')
  assert.ok(text.includes('mail_send'), 'the search covers the calls')
  for (const canary of canaries(containers)) assert.ok(!text.includes(canary), 'a key, secret or signed call is shown')
}

/** A framework starts the sub-agent itself. */
async function checkStart(framework) {
  const { assistant, mail, containers, records, close } = await setUp()
  const narrow = () => assistant.attenuateFor(narrowed)
  const all = {
    agent: assistant,
    narrow,
    narrowed,
    mail,
    start,
    options: { tools: { ...tools, 'agent-helper': start } },
  }
  const [allowed, refused] = [await framework({ ...all, to: bob }), await framework({ ...all, to: carol })]
  assert.ok(shown(allowed.input).includes(`sent to ${bob}`), 'an allowed call')
  assert.ok(shown(refused.input).includes('bob@'), 'the reason of a refusal')
  assert.equal(containers.length, 1)
  search([allowed, refused, records()], containers)
  await close()
}

/** The tools of an in-process server are behind a guard, which the session signs for. */
async function checkGuarded() {
  const { assistant, guard, deliver, audience, records, close } = await setUp()
  const all = { agent: assistant, guard, deliver, send, audience }
  const allowed = await claudeGuarded({ ...all, to: carol })
  assert.ok(shown(allowed.input).includes(`sent to ${carol}`), 'an allowed call')
  assert.deepEqual(
    records().map(({ event }) => event.kind),
    ['intent', 'released', 'outcome'],
  )
  // Another hook permits the call, and that of the session is not asked.
  const around = await claudeGuarded({ ...all, to: carol, permit: async () => ({}) })
  assert.ok(shown(around.input).includes('the hook has not permitted the call'), 'a call without the hook')
  assert.equal(records().length, 3)
  const executed = []
  const failed = await claudeFailing({ send, to: carol, execute: async () => void executed.push(carol) })
  assert.deepEqual(executed, [], 'a hook that fails blocks the tool')
  search([allowed, around, failed, records()], [])
  await close()
}

/** Messages to another agent: its server is guarded, and the client signs. */
async function checkA2a(binding) {
  const all = await setUp([a2aAsk, manage])
  const { assistant, audience, approval, sign, records, close } = all
  const { origin, store, executed, ...agent } = await serveAgent({ ...all, binding })
  const kept = []
  const keep = (result) => {
    kept.push(result)
    return result
  }
  const to = async (client, ...rest) => keep(await (await client).sendMessage(messageTo(...rest)))
  const signing = (acting, more) => clientOf({ origin, agent: acting, audience, ...more })

  const allowed = await to(signing(assistant), carol)
  assert.ok(shown(allowed).includes(`sent to ${carol}`), 'an allowed call')
  const events = []
  for await (const event of (await signing(assistant)).sendMessageStream(messageTo(carol))) events.push(keep(event))
  assert.ok(shown(events).includes(`sent to ${carol}`), 'an allowed call with a stream')
  await assert.rejects(to(signing(assistant), eve), (error) => {
    return keep(error).message.includes('*@example.com')
  })
  const helper = await assistant.attenuateFor({ commands: [{ command: a2aAsk, policy: [like('.to', 'bob@*')] }] })
  assert.ok(shown(await to(signing(helper), bob)).includes(`sent to ${bob}`), 'a sub-agent')
  await assert.rejects(to(signing(helper), carol), /bob@/, 'a sub-agent has less')
  assert.deepEqual(executed, [carol, carol, bob])

  // The service refuses by itself what the agent would not send.
  const containers = []
  const loose = (change = (args) => args) =>
    clientOf({
      origin,
      async makeContainer(request) {
        const args = { ...argumentsOf(request), message: await messageDigest(request) }
        containers.push(await sign(a2aAsk, change(args)))
        return containers.at(-1)
      },
    })
  const before = shown(store)
  for (const [reason, client] of [
    ['without a signed invocation', clientOf({ origin })],
    ['is not a container', clientOf({ origin, makeContainer: () => 'garbage' })],
    ['`message`', loose((args) => ({ ...args, message: `sha-256=:${'A'.repeat(43)}=:` }))],
    ['`to`', loose((args) => ({ ...args, to: carol }))],
  ]) {
    const answer = await to(client, bob)
    assert.ok('messageId' in answer, 'a refusal is a message')
    assert.ok(shown(answer).includes(reason), reason)
  }
  assert.equal(shown(store), before, 'a refusal stores nothing')
  const waiting = await to(loose(), eve)
  const { id: taskId, contextId, status } = waiting
  assert.equal(status.state, 8, 'TASK_STATE_AUTH_REQUIRED')
  assert.ok(shown(waiting).includes('*@example.com'))
  const repeated = await to(loose(), eve, { taskId, contextId })
  assert.deepEqual([repeated.id, repeated.status.state], [taskId, 8], 'the same task waits on')
  // Each of the two messages, and each refusal.
  assert.equal(new Set(repeated.history.map(({ messageId }) => messageId)).size, 4)
  const streamed = []
  const again = messageTo(eve, { taskId, contextId })
  for await (const event of (await loose()).sendMessageStream(again)) streamed.push(keep(event))
  const states = streamed.map(({ payload: { $case, value } }) => [$case, value.id, value.status.state])
  assert.deepEqual(states, [['task', taskId, 8]], 'the same task waits on, and its stream ends')
  const foreign = await to(signing(helper), bob, { taskId, contextId })
  assert.ok(shown(foreign).includes('another caller'), 'the task of another caller')
  assert.equal(executed.length, 3)
  const approved = await to(signing(assistant, { approval }), eve, { taskId, contextId })
  assert.ok(shown(approved).includes(`sent to ${eve}`), 'an approval')
  assert.equal(approved.id, taskId)
  assert.equal(executed.length, 4)
  const tasks = await (await signing(assistant)).getTask({ id: taskId, tenant: '', historyLength: undefined })
  search([kept, tasks, store, records(), { mail_send: 0 }], containers)
  agent.close()
  await close()
}

/** An executor that fails in the stream of a message for a task of before. */
async function checkA2aFailure(binding) {
  const all = await setUp([a2aAsk, manage])
  const work = () => Promise.reject(new Error(`a fault with ${eve}`))
  const { origin, errors, ...agent } = await serveAgent({ ...all, binding, work })
  const { audience, assistant, sign } = all
  const signed = async (request) => sign(a2aAsk, { ...argumentsOf(request), message: await messageDigest(request) })
  const waits = await (await clientOf({ origin, makeContainer: signed })).sendMessage(messageTo(eve))
  const { id: taskId, contextId } = waits
  const client = await clientOf({ origin, agent: assistant, audience })
  const states = []
  for await (const { payload } of client.sendMessageStream(messageTo(carol, { taskId, contextId })))
    states.push(payload.value.status.state)
  assert.deepEqual(states, [8, 4])
  const { status, history } = await client.getTask({ id: taskId, tenant: '', historyLength: undefined })
  assert.deepEqual([status.state, history.length, errors.length], [4, 4, 1])
  assert.ok(!shown(status).includes('a fault'))
  agent.close()
  await all.close()
}

const [only] = process.argv.slice(2)
const isChosen = (name) => only === undefined || name.includes(only)

async function step(name, work) {
  if (!isChosen(name)) return
  const lines = await work()
  process.stdout.write([`ok     ${name}`, ...(lines ?? []), ''].join('\n'))
}

for (const [name, framework] of Object.entries(frameworks)) await step(name, () => check(framework))
for (const [name, [run, sessionOf]] of Object.entries(runs))
  await step(`${name} with the tools of an agent`, () => checkOwnTools(run, sessionOf))
await step('the schema of toolOf', checkSchemas)
await step('LangGraph 1.7 with sub-graphs and hand-offs', checkLanggraph)
await step('OpenAI Agents 0.20 with a hand-off', () => checkStart(openaiHandoff))
await step('Mastra 1 with a sub-agent', () => checkStart(mastraDelegation))
await step('Claude Agent SDK 0.3 with a sub-agent', () => checkStart(claudeSubagent))
await step('Claude Agent SDK 0.3 with a guarded server', checkGuarded)
await step('A2A 1.0 over JSON-RPC', () => checkA2a('JSONRPC'))
await step('A2A 1.0 over HTTP', () => checkA2a('HTTP+JSON'))
await step('A2A 1.0 over gRPC', () => checkA2a('GRPC'))
for (const binding of ['JSONRPC', 'HTTP+JSON', 'GRPC'])
  await step(`A2A 1.0, an executor that fails, over ${binding}`, () => checkA2aFailure(binding))
for (const binding of ['JSONRPC', 'HTTP+JSON', 'GRPC'])
  await step(`A2A 1.0, every method, over ${binding}`, () => checkMethods(binding))
