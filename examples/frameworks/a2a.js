import { once } from 'node:events'
import { ClientFactory, ClientFactoryOptions } from '@a2a-js/sdk/client'
import { UnsupportedOperationError } from '@a2a-js/sdk/errors'
import { DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server'
import { agentCardHandler, jsonRpcHandler, UserBuilder } from '@a2a-js/sdk/server/express'
import express from 'express'
import { defineCommand, delegate, generateSigner } from 'procura'
import { openAgent } from 'procura/agent'
import { a2aInterceptor, guardedRequestHandler, messageArguments, taskArguments } from 'procura/agent/a2a'
import { email } from 'procura/arguments'
import { memoryAuditSink } from 'procura/audit'
import { createGuard } from 'procura/guard'
import { like } from 'procura/policy'
import { memoryStores } from 'procura/store/memory'

const [owner, key, service] = await Promise.all([generateSigner(), generateSigner(), generateSigner()])

// A message is signed as a whole, and the recipient in its data can be limited. Requests about tasks are signed too.
const ask = defineCommand({ command: '/agent/ask', args: { ...messageArguments(), to: email() } })
const tasks = defineCommand({ command: '/agent/tasks', args: taskArguments() })
const argumentsOf = ({ message }) => ({ to: message.parts[0].content.value.to })

// The called agent: its executor runs for messages that the guard allows.
const guard = createGuard({
  audience: service.did,
  subjects: [owner.did],
  commands: [ask, tasks], // with a vault: `{ ...ask, credential: 'mail' }`
  audit: { sink: memoryAuditSink() },
  ...memoryStores(),
})
const text = (value) => [{ content: { $case: 'text', value }, metadata: undefined, filename: '', mediaType: '' }]
const executor = {
  async execute({ taskId, contextId }, bus, { args }) {
    const status = (state, message) => ({ state, message, timestamp: undefined })
    const task = { id: taskId, contextId, artifacts: [], history: [], metadata: undefined }
    bus.publish({ kind: 'task', data: { ...task, status: status(2) } })
    const message = {
      ...{ messageId: crypto.randomUUID(), role: 2, taskId, contextId },
      parts: text(`sent to ${args.to}`),
    }
    bus.publish({ kind: 'statusUpdate', data: { taskId, contextId, status: status(3, message), metadata: undefined } })
  },
  async cancelTask() {},
}
const app = express()
const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${server.address().port}`
const card = {
  ...{ name: 'mail', description: 'Writes mail.', version: '1', provider: undefined, signatures: [], skills: [] },
  supportedInterfaces: [{ url: `${url}/a2a`, protocolBinding: 'JSONRPC', protocolVersion: '1.0', tenant: '' }],
  capabilities: { streaming: true, pushNotifications: false, extensions: [], extendedAgentCard: false },
  ...{ securitySchemes: {}, securityRequirements: [], defaultInputModes: [], defaultOutputModes: [] },
}
const requestHandler = guardedRequestHandler(guard, executor, {
  ...{ command: ask, tasks, argumentsOf, RefusalError: UnsupportedOperationError },
  handler: (guarded) => new DefaultRequestHandler(card, new InMemoryTaskStore(), guarded),
})
app.use('/.well-known/agent-card.json', agentCardHandler({ agentCardProvider: requestHandler }))
app.use('/a2a', jsonRpcHandler({ requestHandler, userBuilder: UserBuilder.noAuthentication }))

// The calling agent holds its key and what the owner delegated to it.
const policy = [like('.to', '*@example.com')]
const assistant = await openAgent({
  signer: key, // a key that lasts: `openSignerFile`
  delegations: [
    await delegate({ issuer: owner, audience: key.did, command: ask, policy }),
    await delegate({ issuer: owner, audience: key.did, command: tasks }),
  ],
})
const clientOf = (...interceptors) =>
  new ClientFactory(
    ClientFactoryOptions.createFrom(ClientFactoryOptions.default, { clientConfig: { interceptors } }),
  ).createFromUrl(url)
const client = await clientOf(a2aInterceptor(assistant, { command: ask, tasks, argumentsOf, audience: service.did }))
const messageTo = (to) => ({
  message: {
    ...{ messageId: crypto.randomUUID(), role: 1, contextId: '', taskId: '', extensions: [], referenceTaskIds: [] },
    parts: [{ content: { $case: 'data', value: { to } }, metadata: undefined, filename: '', mediaType: '' }],
    metadata: undefined,
  },
  ...{ configuration: undefined, metadata: undefined, tenant: '' },
})
const task = await client.sendMessage(messageTo('bob@example.com'))
console.log(task.status.message.parts[0].content.value)
await client.sendMessage(messageTo('eve@evil.example')).catch((error) => console.log(error.message))
const stranger = await clientOf()
console.log((await stranger.sendMessage(messageTo('bob@example.com'))).parts[0].content.value)
const request = { id: task.id, tenant: '', historyLength: undefined }
console.log((await client.getTask(request)).id === task.id)
await stranger.getTask(request).catch((error) => console.log(error.message.slice(0, 18)))
server.closeAllConnections()
server.close()
await guard.close()

// sent to bob@example.com
// delegation 1 of 1: policy statement 1: `.to` must be a string that matches `*@example.com`, found a string of 16 characters
// Denied (malformed): the request came without a signed invocation; send it with a2aInterceptor, in the header X-UCAN-Container
// true
// Denied (malformed)
