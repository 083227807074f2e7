import process from 'node:process'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { on } from '../../src/service/on.ts'
import { createService, type Service } from '../../src/service/service.ts'

/**
 * Makes the service of a process of its own. Its parent gets `started` when a call is in progress, and the next message
 * of the parent is the end of the call.
 */
export function waitingService(audience: string): { readonly service: Service; kinds(): string } {
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
  return {
    service,
    kinds: () =>
      sink
        .records()
        .map(({ event }) => event.kind)
        .join(),
  }
}
