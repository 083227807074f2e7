/** The table of the methods of A2A and their verdicts, over real sockets. */

import assert from 'node:assert/strict'
import { messageDigest } from '../../src/agent/frameworks/a2a-message.ts'
import { clientMethods, taskValues } from '../../src/agent/frameworks/a2a-task.ts'
import { like } from '../../src/core/capability/policy/build.ts'
import { argumentsOf, ask, clientOf, manage, messageTo, serveAgent } from './a2a.mjs'
import { setUp, shown } from './setup.ts'

const url = 'https://push.example/hook'
const config = (taskId) => ({ tenant: '', id: 'p1', taskId, url, token: '', authentication: undefined })
const listing = { tenant: '', contextId: '', status: 0, pageSize: undefined, pageToken: '', historyLength: undefined }

/** The methods of a client with their parameters for a task, and whether they are about one task. */
const methods = [
  ['getTask', (id) => ({ id, tenant: '', historyLength: undefined }), true],
  ['listTasks', () => ({ ...listing, statusTimestampAfter: undefined, includeArtifacts: undefined }), false],
  ['createTaskPushNotificationConfig', config, true],
  ['getTaskPushNotificationConfig', (taskId) => ({ tenant: '', taskId, id: 'p1' }), true],
  ['listTaskPushNotificationConfig', (taskId) => ({ tenant: '', taskId, pageSize: 0, pageToken: '' }), true],
  ['deleteTaskPushNotificationConfig', (taskId) => ({ tenant: '', taskId, id: 'p1' }), true],
  ['getAgentCard', () => undefined, false],
  ['resubscribeTask', (id) => ({ id, tenant: '' }), true],
  ['cancelTask', (id) => ({ id, tenant: '', metadata: undefined }), true],
]

/** Calls a method, and returns its answer. Of a stream, the first event. */
async function call(client, method, params) {
  const answer = method === 'getAgentCard' ? client.getAgentCard() : client[method](params)
  if (method !== 'resubscribeTask') return answer
  for await (const event of answer) return event
}

async function verdict(client, method, params) {
  try {
    const answer = await call(await client, method, params)
    return { allowed: true, answer }
  } catch (error) {
    return { allowed: false, text: String(error.message) }
  }
}

/** Checks every cell. Returns the table as lines. */
export async function checkMethods(binding) {
  const all = await setUp([ask, manage])
  const { assistant, audience, sign, records, close } = all
  const { origin, store, pushes, executed, ...agent } = await serveAgent({ ...all, binding })
  const bare = await serveAgent({ ...all, binding, tasks: null })
  const task = { commands: [{ command: ask, policy: [like('.to', 'bob@*')] }, { command: manage }] }
  const other = await assistant.attenuateFor(task)
  const at = (more) => clientOf({ origin, audience, ...more })
  const state = () => shown([store, pushes])

  // A task of the assistant that waits, and one that has ended.
  const loosely = { makeContainer: async (request) => sign(ask, await signedFor(request)) }
  const { id, contextId } = await (await at(loosely)).sendMessage(messageTo('eve@example.org'))
  await (await at({ agent: assistant })).sendMessage(messageTo('carol@example.com'))
  const lines = []
  for (const [method, paramsOf, isAboutTask] of methods) {
    const [params, name] = [paramsOf(id), clientMethods.get(method)]
    const other1 = method === 'getTask' ? 'CancelTask' : 'GetTask'
    const before = state()
    const refusals = {
      'without a container': at({}),
      'with garbage': at({ makeContainer: () => 'garbage' }),
      'with a call of a message': at({
        makeContainer: async () => sign(ask, await signedFor(messageTo('bob@example.com'))),
      }),
      'with a call of another method': at({
        makeContainer: async () => sign(manage, await taskValues(other1, params)),
      }),
      'with a call for another task': at({
        makeContainer: async () => sign(manage, { ...(await taskValues(name, paramsOf('another'))), task: 'another' }),
      }),
      'with a call for other parameters': at({
        makeContainer: async () => sign(manage, await taskValues(name, { ...params, extra: 1 })),
      }),
      ...(isAboutTask && { 'by another caller': at({ agent: other }) }),
    }
    if (!isAboutTask) delete refusals['with a call for another task']
    for (const [kind, client] of Object.entries(refusals)) {
      const { allowed, answer, text } = await verdict(client, method, params)
      assert.ok(!allowed, `${method} ${kind}: ${shown(answer)}`)
      assert.match(text, /Denied \(/, `${method} ${kind}`)
      assert.ok(!text.includes(contextId), 'a refusal shows nothing of the task')
    }
    const unserved = await verdict(clientOf({ origin: bare.origin, audience, agent: assistant }), method, params)
    assert.match(String(unserved.text), /command_unknown/, `${method} without a command`)
    assert.equal(state(), before, `${method}: a refusal changes nothing`)
    let used
    const keeping = at({
      async makeContainer() {
        used = await sign(manage, await taskValues(name, params))
        return used
      },
    })
    const own = await verdict(keeping, method, params)
    assert.ok(own.allowed, `${method} by its caller: ${own.text}`)
    const again = await verdict(at({ makeContainer: () => used }), method, params)
    assert.match(String(again.text), /replayed/, `${method} again`)
    if (method !== 'cancelTask')
      assert.ok((await verdict(at({ agent: assistant }), method, params)).allowed, `${method} by the interceptor`)
    if (method === 'listTasks') {
      assert.equal(own.answer.tasks.length, 2)
      assert.equal((await verdict(at({ agent: other }), method, params)).answer.tasks.length, 0, 'another caller')
    }
    if (method === 'getAgentCard') assert.equal(own.answer.name, 'extended')
    lines.push(`       ${name}: ${Object.keys(refusals).length + 2} refused, allowed for its caller`)
  }
  await checkMessages({ at, state, id, contextId, other, sign })
  assert.deepEqual(executed, ['carol@example.com'])
  assert.ok(records().length > 0)
  for (const { close: end } of [agent, bare]) end()
  await close()
  return lines
}

/** A message that is refused changes no task, and stores no address for notifications. */
async function checkMessages({ at, state, id, contextId, other, sign }) {
  const [bob, before] = ['bob@example.com', state()]
  const send = async (client, message, configuration) => {
    const request = { ...messageTo(bob, message), configuration }
    return shown(await (await client).sendMessage(request).catch((error) => error))
  }
  const pushing = { acceptedOutputModes: [], returnImmediately: false, taskPushNotificationConfig: config(id) }
  const stranger = { makeContainer: async () => sign(ask, { to: bob, message: `sha-256=:${'A'.repeat(43)}=:` }) }
  for (const [client, message] of [
    [at({}), { taskId: id, contextId }],
    [at({ makeContainer: () => 'garbage' }), { taskId: id, contextId }],
    [at({ agent: other }), { taskId: id, contextId }],
    [at(stranger), { taskId: id, contextId }],
    [at({ agent: other }), { referenceTaskIds: [id] }],
    [at({}), {}],
    [at(stranger), {}],
  ]) {
    assert.match(await send(client, message, pushing), /Denied \(/)
    assert.equal(state(), before, 'a refused message changes nothing')
  }
  // The same for a stream.
  const events = []
  for await (const event of (await at({ agent: other })).sendMessageStream(messageTo(bob, { taskId: id, contextId })))
    events.push(event)
  assert.match(shown(events), /another caller/)
  assert.equal(state(), before)
}

async function signedFor(request) {
  return { ...argumentsOf(request), message: await messageDigest(request) }
}
