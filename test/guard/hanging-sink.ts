import { AsyncLocalStorage } from 'node:async_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { AuditSink } from '../../src/audit/sink.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { actor } from '../support/actors.ts'
import { service } from '../support/service.ts'

/** The results of calls to a guard whose sink hangs. */
export interface HangReport {
  readonly calls: number
  /** How many handlers ran. */
  readonly ran: number
  /** Codes of the denials. */
  readonly codes: readonly string[]
  /** How many calls ended after a timer of a second that was set when the sink got their event. */
  readonly late: number
  /** How many unanswered events the sink holds. */
  readonly unanswered: number
  /** Bytes of the heap after garbage collections at equal intervals, once the sink holds its maximum. */
  readonly heap: readonly number[]
}

/** Calls a guard whose sink hangs, at a steady rate. */
export async function callHangingSink(options: {
  readonly seconds: number
  readonly perSecond: number
  readonly samples: number
}): Promise<HangReport> {
  const { seconds, perSecond, samples } = options
  const collect = collector()
  const [alice, bob] = await Promise.all([actor('alice'), actor('bob')])
  const held: unknown[] = []
  const waiting = new AsyncLocalStorage<{ timer?: NodeJS.Timeout }>()
  let late = 0
  const sink: AuditSink = {
    name: 'hanging',
    append: (event) => {
      held.push(event)
      // The deadline of the sink, which is shorter, fires before this timer, however busy the machine is.
      const own = waiting.getStore()
      if (own !== undefined) own.timer ??= setTimeout(() => (late += 1), 1_000)
      return new Promise(() => undefined)
    },
    close: async () => undefined,
  }
  const read = defineCommand({ command: '/mail/read', args: {} })
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [read],
    revocations: memoryRevocationStore(),
    // This replay store keeps nothing, so that its memory does not affect the measurement.
    replay: { claim: () => true },
    audit: { sink },
    maxInFlight: 10_000,
  })
  const grant = await delegate({ issuer: alice, audience: bob.did, command: '/mail' })
  const codes = new Set<string>()
  let [calls, ran] = [0, 0]

  async function call(): Promise<void> {
    calls += 1
    const invocation = await invoke({ issuer: bob, audience: service.did, command: read, args: {}, proofs: [grant] })
    const own: { timer?: NodeJS.Timeout } = {}
    const use = () =>
      guard.use(encodeContainer([invocation, grant]), () => {
        ran += 1
      })
    const result = await waiting.run(own, use)
    clearTimeout(own.timer)
    if (!result.allowed) codes.add(result.denial.code)
  }

  // First fill the sink, and cause one refusal of each kind.
  for (let round = 0; round < 12; round++) await Promise.all(Array.from({ length: 100 }, call))
  const heap: number[] = []
  const started = performance.now()
  for (let sample = 0; sample < samples; sample++) {
    const until = started + ((sample + 1) * seconds * 1_000) / samples
    const running = new Set<Promise<void>>()
    while (performance.now() < until) {
      const one = call().finally(() => running.delete(one))
      running.add(one)
      await new Promise((resolve) => setTimeout(resolve, 1_000 / perSecond))
    }
    await Promise.all(running)
    collect()
    heap.push(process.memoryUsage().heapUsed)
  }
  await guard.close()
  return { calls, ran, codes: [...codes], late, unanswered: held.length, heap }
}

/** The garbage collector of the engine, which a flag makes available. */
function collector(): () => void {
  setFlagsFromString('--expose_gc')
  return runInNewContext('gc') as () => void
}
