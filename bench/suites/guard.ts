import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthorizer } from 'procura'
import { type AuditSink, memoryAuditSink } from 'procura/audit'
import { openJsonlAuditSink } from 'procura/audit/jsonl'
import { createGuard, type Guard } from 'procura/guard'
import { type Contender, measure } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { ratioOf, timesTable } from '../harness/table.ts'
import { cycle } from '../peers/peer.ts'
import { type Chain, makeChain, mustAllow, optionsFor } from '../setup/chain.ts'

const alone = 'authorize alone'
const inMemory = 'guard, records in memory'
const inNone = 'guard, a sink that keeps nothing'

/** The cost of recording besides deciding, by the durability of a record before the call is made. */
export const suite: Suite = {
  name: 'guard',
  async run({ effort }) {
    const folder = await mkdtemp(join(tmpdir(), 'procura-bench-'))
    const chain = await makeChain(3)
    const guards: Guard[] = []
    const guarded = (sink: AuditSink) => {
      const guard = createGuard({ ...optionsFor(chain), commands: [...commandsOf(chain)], audit: { sink } })
      guards.push(guard)
      return guard
    }
    const jsonl = async (sync: 'group' | 'always' | 'none') =>
      guarded(await openJsonlAuditSink({ directory: join(folder, sync), sync, maxBytes: 2 ** 32 }))
    try {
      const memory = guarded(memoryAuditSink({ maxRecords: 10_000_000 }))
      const [none, group, always] = [await jsonl('none'), await jsonl('group'), await jsonl('always')]
      const contenders: Contender[] = [
        { name: alone, run: decide(chain) },
        use(inNone, chain, guarded(noSink()), 1),
        use(inMemory, chain, memory, 1),
        use('guard, file, no sync', chain, none, 1),
        use('guard, file, sync each record', chain, always, 1),
        use('guard, file, group sync', chain, group, 1),
        use('guard, file, group sync, 64 at once', chain, group, 64),
      ]
      const notes = [
        'Two records a call: what is about to be done, and how it ended. The disk determines the time of a sync.',
      ]
      const measured = await measure(contenders, effort)
      return {
        tables: [timesTable('Use a guard, warm, depth 3', measured, notes)],
        figures: {
          'guard, memory / authorize': ratioOf(measured, inMemory),
          'guard, no sink / authorize': ratioOf(measured, inNone),
          'guard, memory, µs': measured.find(({ name }) => name === inMemory)?.median ?? Number.NaN,
        },
      }
    } finally {
      for (const guard of guards) await guard.close()
      await rm(folder, { recursive: true })
    }
  },
}

/** Confirms each event, and drops it: the cost of the guard without the cost of a record. */
function noSink(): AuditSink {
  return {
    name: 'none',
    append: async () => ({ sink: 'none', durability: 'process' }),
    close: async () => undefined,
  }
}

function commandsOf(chain: Chain) {
  const { commands } = optionsFor(chain)
  if (typeof commands === 'symbol') throw new Error('the service of a chain knows its commands')
  return commands
}

function decide(chain: Chain): () => Promise<void> {
  const authorizer = createAuthorizer(optionsFor(chain))
  const next = cycle(chain.containers)
  return async () => mustAllow(await authorizer.authorize(next()))
}

function use(name: string, chain: Chain, guard: Guard, atOnce: number): Contender {
  const next = cycle(chain.containers)
  const one = async () => {
    const result = await guard.use(next(), () => 1)
    if (!result.allowed) throw new Error(`a call that is in order was refused: ${result.denial.message}`)
  }
  // A list of one promise would be a part of its time.
  const run = atOnce === 1 ? one : () => Promise.all(Array.from({ length: atOnce }, one))
  return { name, operations: atOnce, run }
}
