import { type AuthorizeOptions, anySubject, createAuthorizer, never } from 'procura'
import { memoryReplayStore, memoryRevocationStore } from 'procura/store/memory'
import type { Suite } from '../harness/suite.ts'
import { number } from '../harness/table.ts'
import { makeChain, manyChains, mustAllow, optionsFor } from '../setup/chain.ts'
import { delegationName } from '../setup/delegation-name.ts'
import { credulousBackend, fillCache } from '../setup/fill-cache.ts'

/** How much memory a service needs for each thing that it remembers. */
export const suite: Suite = {
  name: 'memory',
  async run({ smoke }) {
    const many = smoke ? 320 : 320_000
    const shared = await heapOfShared(many)
    const own = await heapOfOwn(smoke ? 10 : 4_000)
    const rows = [
      ['delegation; its principals and its policy are known', number(shared)],
      ['delegation of an owner and to an agent of its own', number(own)],
      ['seen invocation', number(heapOfReplay(many))],
      ['revocation', number(heapOfRevocations(many))],
    ]
    const notes = [
      'A delegation of principals of its own brings two key objects and two DIDs, which have bounds of their own.',
    ]
    return {
      tables: [{ title: 'Heap for each entry', columns: ['what', 'bytes'], rows, notes }],
      figures: { 'memory, bytes': shared },
    }
  },
}

/** Delegations among few principals, as a service sees them that serves the same agents for days. */
async function heapOfShared(count: number): Promise<number> {
  const chain = await makeChain(16, { callCount: 1 })
  const { backend, believe } = credulousBackend()
  believe(true)
  const replay = { claim: () => true }
  const authorizer = createAuthorizer({ ...optionsFor(chain), replay, backend, maxCachedDelegations: count * 2 })
  return heapOf(count, () => {
    fillCache(authorizer, chain, count)
    return authorizer
  })
}

/** Delegations that do not share any principal. */
async function heapOfOwn(count: number): Promise<number> {
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
  return heapOf(count, () => {
    for (const { containers } of strangers) mustAllow(authorizer.authorizeSync(containers[0] as Uint8Array))
    return authorizer
  })
}

function heapOfReplay(count: number): number {
  return heapOf(count, () => {
    const store = memoryReplayStore()
    const expiration = Math.floor(Date.now() / 1000) + 300
    for (let i = 0; i < count; i++) void store.claim(nameOf(i), expiration, {})
    return store
  })
}

function heapOfRevocations(count: number): number {
  return heapOf(count, () => {
    const store = memoryRevocationStore()
    for (let i = 0; i < count; i++) void store.add({ ids: [delegationName(i)], expiration: never })
    return store
  })
}

/** As long as a hash in base64url. */
function nameOf(serial: number): string {
  return `${serial}`.padStart(43, 'abcdefghijklmnopqrstuvwxyz234567')
}

/** Bytes of heap by which what `make` returns is larger than before, for each of `count`. */
function heapOf(count: number, make: () => object): number {
  const before = usedHeap()
  const made = make()
  const grown = usedHeap() - before
  // it has to be alive until here
  return Object.keys(made).length >= 0 ? grown / count : Number.NaN
}

function usedHeap(): number {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('this suite needs --expose-gc')
  gc()
  gc()
  return process.memoryUsage().heapUsed
}
