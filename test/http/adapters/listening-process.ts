import process from 'node:process'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../../src/authorization/memory-stores.ts'
import { defineCommand } from '../../../src/capability/definition.ts'
import { anySubject } from '../../../src/capability/subject.ts'
import { listenForCalls } from '../../../src/http/adapters/listen-for-calls.ts'
import { on } from '../../../src/service/on.ts'
import { createService } from '../../../src/service/service.ts'

// A service in a process of its own. Its parent gets its port, the start of its call, and its records when it exits; the
// message of the parent is the end of the call.
const sink = memoryAuditSink()
const service = createService({
  audience: process.argv[2] ?? '',
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
process.once('exit', () =>
  process.stdout.write(
    sink
      .records()
      .map(({ event }) => event.kind)
      .join(),
  ),
)
const { port } = await listenForCalls(service, { port: 0 })
process.send?.(port)
