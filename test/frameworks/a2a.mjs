/** A2A: a client and a server of the SDK, over HTTP on this machine. Its models are those of the agents behind it. */

import { once } from 'node:events'
import { ClientFactory, ClientFactoryOptions } from '@a2a-js/sdk/client'
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc'
import { UnsupportedOperationError } from '@a2a-js/sdk/errors'
import { DefaultRequestHandler, InMemoryPushNotificationStore, InMemoryTaskStore } from '@a2a-js/sdk/server'
import { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } from '@a2a-js/sdk/server/express'
import { A2AService, grpcService } from '@a2a-js/sdk/server/grpc'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import express from 'express'
import { a2aInterceptor } from '../../src/agent/frameworks/a2a-client.ts'
import { messageArguments } from '../../src/agent/frameworks/a2a-message.ts'
import { guardedRequestHandler } from '../../src/agent/frameworks/a2a-server.ts'
import { taskArguments } from '../../src/agent/frameworks/a2a-task.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'

/** The command of a message that asks to write to somebody. */
export const ask = defineCommand({ command: '/agent/ask', args: { ...messageArguments(), to: email() } })
/** The command of requests about tasks. */
export const manage = defineCommand({ command: '/agent/tasks', args: taskArguments() })
export const argumentsOf = ({ message }) => ({ to: message.parts[1].content.value.to })

const part = (content, more) => ({ content, metadata: undefined, filename: '', mediaType: '', ...more })

/** A message with everything that a digest covers. */
export function messageTo(to, more = {}) {
  const data = { $case: 'data', value: { to, amount: 0, note: null, list: [1.5, { a: '' }] } }
  return {
    message: {
      ...{ messageId: crypto.randomUUID(), role: 1, contextId: '', taskId: '', extensions: [], referenceTaskIds: [] },
      parts: [
        part({ $case: 'text', value: `Write to ${to}.` }, { mediaType: 'text/plain' }),
        part(data),
        part({ $case: 'raw', value: Buffer.from([0, 1, 255]) }, { filename: 'a.bin' }),
      ],
      metadata: { source: 'test' },
      ...more,
    },
    configuration: undefined,
    metadata: undefined,
    tenant: '',
  }
}

const cardOf = (url, binding) => ({
  ...{ name: 'mail', description: 'Writes mail.', version: '1', provider: undefined, signatures: [] },
  supportedInterfaces: [{ url, protocolBinding: binding, protocolVersion: '1.0', tenant: '' }],
  capabilities: { streaming: true, pushNotifications: true, extensions: [], extendedAgentCard: true },
  ...{ securitySchemes: {}, securityRequirements: [], defaultInputModes: [], defaultOutputModes: [], skills: [] },
})

/** A server whose executor runs behind a guard. */
export async function serveAgent({ guard, deliver, binding = 'JSONRPC', tasks = manage, work }) {
  const [executed, errors] = [[], []]
  const executor = {
    async execute({ taskId, contextId, request }, bus, call) {
      executed.push(call.args.to)
      const text = await (work ?? deliver)(call)
      const status = (state, message) => ({ state, message, timestamp: undefined })
      const task = { id: taskId, contextId, artifacts: [], history: [request.message], metadata: undefined }
      bus.publish({ kind: 'task', data: { ...task, status: status(2) } })
      const message = {
        ...messageTo('').message,
        role: 2,
        taskId,
        contextId,
        parts: [part({ $case: 'text', value: text })],
      }
      bus.publish({
        kind: 'statusUpdate',
        data: { taskId, contextId, status: status(3, message), metadata: undefined },
      })
    },
    async cancelTask(taskId, bus) {
      const status = { state: 5, message: undefined, timestamp: undefined }
      bus.publish({ kind: 'task', data: { id: taskId, contextId: 'c', artifacts: [], history: [], status } })
      bus.publish({ kind: 'statusUpdate', data: { taskId, contextId: 'c', status, metadata: undefined } })
    },
  }
  const app = express()
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${server.address().port}`
  const grpc = new Server()
  const place = binding === 'GRPC' ? await listening(grpc) : `${origin}/a2a`
  const card = cardOf(place, binding)
  const store = new InMemoryTaskStore()
  const [pushes, extended] = [new InMemoryPushNotificationStore(), { ...card, name: 'extended' }]
  const requestHandler = guardedRequestHandler(guard, executor, {
    ...{ command: ask, argumentsOf, RefusalError: UnsupportedOperationError },
    ...(tasks && { tasks }),
    onError: (error) => errors.push(error),
    handler: (guarded) =>
      new DefaultRequestHandler(card, store, guarded, undefined, pushes, { send: async () => {} }, extended),
  })
  const options = { requestHandler, userBuilder: UserBuilder.noAuthentication }
  app.use('/.well-known/agent-card.json', agentCardHandler({ agentCardProvider: requestHandler }))
  if (binding === 'GRPC') grpc.addService(A2AService, grpcService(options))
  else app.use('/a2a', binding === 'JSONRPC' ? jsonRpcHandler(options) : restHandler(options))
  const close = () => {
    grpc.forceShutdown()
    server.closeAllConnections()
    server.close()
  }
  return { origin, store, pushes, errors, executed, close }
}

/** The address of a server of gRPC on this machine. */
function listening(grpc) {
  return new Promise((settle, fail) => {
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? fail(error) : settle(`127.0.0.1:${port}`),
    )
  })
}

/** A client whose messages an agent signs; without an agent, one that adds the container that a function makes. */
export async function clientOf({ origin, agent, audience, approval, makeContainer, tasks = manage }) {
  const header = {
    async before(args) {
      const container = await makeContainer?.(args.input.value, args.input.method)
      if (container === undefined) return
      args.options.serviceParameters = { ...args.options.serviceParameters, 'X-UCAN-Container': container }
    },
    async after() {},
  }
  const signing =
    agent && a2aInterceptor(agent, { command: ask, argumentsOf, tasks, audience, ...(approval && { approval }) })
  const options = ClientFactoryOptions.createFrom(ClientFactoryOptions.default, {
    transports: [new GrpcTransportFactory()],
    clientConfig: { interceptors: [signing ?? header] },
  })
  return new ClientFactory(options).createFromUrl(origin)
}
