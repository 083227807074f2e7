import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/authorization/memory-stores.ts'
import { defineCommand } from '../../src/capability/definition.ts'
import { anySubject } from '../../src/capability/subject.ts'
import { nodeHandler } from '../../src/http/adapters/node.ts'
import { closeAtSignal } from '../../src/service/close-at-signal.ts'
import { on } from '../../src/service/on.ts'
import { createService } from '../../src/service/service.ts'

// A service in a process of its own, with a server or at standard input. Its parent gets its port, the start of its call,
// and its records when it exits; the message of the parent is the end of the call.
const [audience = '', place] = process.argv.slice(2)
const sink = memoryAuditSink()
const service = createService({
  audience,
  subjects: anySubject,
  handlers: [
    on(defineCommand({ command: '/wait', args: {} }), async () => {
      process.send?.('started')
      return new Promise((resolve) => process.once('message', resolve))
    }),
  ],
  audit: { sink },
  ...memoryStores(),
})
const kinds = (): string =>
  sink
    .records()
    .map(({ event }) => event.kind)
    .join()
process.once('exit', () => process.stdout.write(`${kinds()} ${service.health().status}`))
const failing = { close: () => service.close().then(() => Promise.reject(new Error('no disk'))) }
const onError = (error: unknown): unknown => process.stdout.write(`${(error as Error).message} `)
if (place === 'stdin' || place === 'failing stdin') {
  if (place === 'stdin') closeAtSignal(service, { stdin: true })
  else closeAtSignal(failing, { stdin: true, onError })
  // As the transport of an MCP server does.
  process.stdin.on('data', (container) => {
    service.call(container.toString()).catch(() => undefined)
  })
  process.stdin.once('end', () => process.send?.('ended'))
  process.send?.(0)
} else if (place === 'ended stdin') {
  process.stdin.resume().once('end', () => setImmediate(() => closeAtSignal(service, { stdin: true })))
  process.send?.(0)
} else {
  const server = createServer(nodeHandler(service)).listen(0, '127.0.0.1', () => {
    process.send?.((server.address() as AddressInfo).port)
  })
  if (place === 'failing') closeAtSignal(failing, { server, onError })
  else closeAtSignal(service, { server })
}
