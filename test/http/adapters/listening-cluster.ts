import cluster from 'node:cluster'
import { once } from 'node:events'
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../../src/core/authorization/memory-stores.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { anySubject } from '../../../src/core/capability/subject.ts'
import { listenForCalls } from '../../../src/http/adapters/listen-for-calls.ts'
import { on } from '../../../src/service/on.ts'
import { createService } from '../../../src/service/service.ts'

// A worker of `node:cluster` with two services: the first one fails when it is closed, and the second one is closed
// later. The primary process sends the signal, and prints the exit code of the worker.
if (cluster.isPrimary) {
  const worker = cluster.fork()
  await once(worker, 'message')
  worker.process.kill('SIGTERM')
  const [code] = await once(worker, 'exit')
  process.stdout.write(`, exit code ${code}`)
} else {
  const service = createService({
    audience: process.argv[2] ?? '',
    subjects: anySubject,
    handlers: [on(defineCommand({ command: '/send', args: {} }), () => 'sent')],
    audit: { sink: memoryAuditSink() },
    ...memoryStores(),
  })
  const broken = { ...service, close: (): Promise<void> => Promise.reject(new Error('cannot be closed')) }
  const failed = new Promise<unknown>((resolve, reject) => {
    listenForCalls(broken, { port: 0, onError: resolve }).catch(reject)
  })
  const close = async (): Promise<void> => {
    await failed
    await setTimeout(200)
    await service.close()
    process.stdout.write('closed')
  }
  await listenForCalls({ ...service, close }, { port: 0 })
  process.send?.('listening')
}
