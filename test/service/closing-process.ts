import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { nodeHandler } from '../../src/http/adapters/node.ts'
import { closeAtSignal } from '../../src/service/close-at-signal.ts'
import { waitingService } from './waiting-service.ts'

// A service in a process of its own, with a server or at standard input. Its parent gets its port, and its records when
// it exits.
const [audience = '', place] = process.argv.slice(2)
const { service, kinds } = waitingService(audience)
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
