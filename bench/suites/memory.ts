import { type AuthorizeOptions, anySubject, createAuthorizer, never } from 'procura'
import { memoryAuditSink } from 'procura/audit'
import { createGuard } from 'procura/guard'
import { memoryLimitStore, memoryReplayStore, memoryRevocationStore } from 'procura/store/memory'
import type { Suite } from '../harness/suite.ts'
import { number } from '../harness/table.ts'
import { args, makeChain, manyChains, mustAllow, optionsFor, send } from '../setup/chain.ts'
import { delegationName, limitName } from '../setup/delegation-name.ts'
import { credulousBackend, fillCache } from '../setup/fill-cache.ts'

/** How much memory a service needs for each thing that it remembers. */
export const suite: Suite = {
  name: 'memory',
  async run({ smoke }) {
    const many = smoke ? 320 : 320_000
    const shared = await memoryOfShared(many)
    const own = await memoryOfOwn(smoke ? 10 : 4_000)
    const seen = await memoryOfReplay(smoke ? 320 : 1_000_000)
    const records = await memoryOfRecords(smoke ? 32 : 20_000)
    const revocation = await memoryOf(many, () => revocationsOf(many))
    const limit = await memoryOf(many, () => limitsOf(many))
    const entries: readonly (readonly [string, Memory])[] = [
      ['delegation; its principals and its policy are known', shared],
      ['delegation of an owner and to an agent of its own', own],
      ['seen invocation', seen],
      ['call of a guard, in an audit log in memory', records],
      ['revocation', revocation],
      ['used limit', limit],
    ]
    const notes = [
      'A delegation of principals of its own brings two key objects and two DIDs, which have bounds of their own. The garbage collector visits what is on the heap.',
    ]
    return {
      tables: [
        {
          title: 'Memory for each entry, in bytes',
          columns: ['what', 'on the heap', 'outside'],
          rows: entries.map(([what, { heap, outside }]) => [what, number(heap), number(outside)]),
          notes,
        },
      ],
      figures: {
        'memory, bytes': shared.heap,
        'replay, bytes': seen.heap + seen.outside,
        'memory log, bytes': records.heap + records.outside,
      },
    }
  },
}

/** Delegations among few principals, as a service sees them that serves the same agents for days. */
async function memoryOfShared(count: number): Promise<Memory> {
  const chain = await makeChain(16, { callCount: 1 })
  const { backend, believe } = credulousBackend()
  believe(true)
  const replay = { claim: () => true }
  const authorizer = createAuthorizer({ ...optionsFor(chain), replay, backend, maxCachedDelegations: count * 2 })
  return memoryOf(count, () => {
    fillCache(authorizer, chain, count)
    return authorizer
  })
}

/** Delegations that do not share any principal. */
async function memoryOfOwn(count: number): Promise<Memory> {
  const chain = await makeChain(1, { callCount: 1 })
  const strangers = await manyChains(1, chain.service, count)
  const replay = { claim: () => true }
  const options: AuthorizeOptions = {
    ...optionsFor(chain),
    subjects: anySubject,
    replay,
    maxCachedDelegations: count * 2,
  }
  const authorizer = createAuthorizer(options)
  return memoryOf(count, () => {
    for (const { containers } of strangers) mustAllow(authorizer.authorizeSync(containers[0] as Uint8Array))
    return authorizer
  })
}

function memoryOfReplay(count: number): Promise<Memory> {
  return memoryOf(count, () => {
    const store = memoryReplayStore()
    const expiration = Math.floor(Date.now() / 1000) + 300
    for (let i = 0; i < count; i++) void store.claim(nameOf(i), expiration, {})
    return store
  })
}

/** Two records for each call of a guard. */
async function memoryOfRecords(count: number): Promise<Memory> {
  const chain = await makeChain(3)
  const sink = memoryAuditSink({ maxRecords: count * 2 + 1_000 })
  const guard = createGuard({ ...optionsFor(chain), commands: [send], replay: { claim: () => true }, audit: { sink } })
  const use = async (calls: number) => {
    for (let at = 0; at < calls; at++) {
      const result = await guard.use(chain.containers[at % chain.containers.length] as Uint8Array, () => args.amount)
      if (!result.allowed) throw new Error(`a call that is in order was refused: ${result.denial.message}`)
    }
  }
  await use(64)
  return memoryOf(count, async () => {
    await use(count)
    return sink
  })
}

function revocationsOf(count: number): object {
  const store = memoryRevocationStore()
  for (let i = 0; i < count; i++) void store.add({ ids: [delegationName(i)], expiration: never })
  return store
}

function limitsOf(count: number): object {
  const store = memoryLimitStore()
  const expiration = Math.floor(Date.now() / 1000) + 3600
  for (let i = 0; i < count; i++) {
    const entry = { key: limitName(i), kind: 'total', maximum: 10, amount: 1, expiration } as const
    void store.reserve({ reservation: `${i}`, entries: [entry], deadline: expiration, commit: true }, {})
  }
  return store
}

/** A name of the form of a hash in base64url. */
function nameOf(serial: number): string {
  return `${serial}`.padEnd(43, 'abcdefghijklmnopqrstuvwxyz')
}

/** Bytes on the heap of JavaScript, and in the buffers outside it. */
interface Memory {
  readonly heap: number
  readonly outside: number
}

/** Memory that is in use after `make` and was not before, for each of `count`. */
async function memoryOf(count: number, make: () => object | Promise<object>): Promise<Memory> {
  const before = usedMemory()
  const made = await make()
  const after = usedMemory()
  // it has to be alive until here
  const each = Object.keys(made).length >= 0 ? count : Number.NaN
  return { heap: (after.heap - before.heap) / each, outside: (after.outside - before.outside) / each }
}

function usedMemory(): Memory {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('this suite needs --expose-gc')
  gc()
  gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return { heap: heapUsed, outside: arrayBuffers }
}
