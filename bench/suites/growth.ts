import { type AuthorizeOptions, createAuthorizer, never } from 'procura'
import { memoryReplayStore, memoryRevocationStore } from 'procura/store/memory'
import { type Contender, measure, quantile } from '../harness/measure.ts'
import type { Suite, Table } from '../harness/suite.ts'
import { number, ratioOf, time, timesTable } from '../harness/table.ts'
import { cycle } from '../peers/peer.ts'
import { type Chain, makeChain, mustAllow, optionsFor } from '../setup/chain.ts'
import { delegationName } from '../setup/delegation-name.ts'
import { credulousBackend, fillCache } from '../setup/fill-cache.ts'

/** Whether a decision costs more when a service remembers more. */
export const suite: Suite = {
  name: 'growth',
  async run({ effort, smoke }) {
    const many = smoke ? 1_600 : 1_000_000
    const chain = await makeChain(3)
    const filling = await makeChain(16, { callCount: 1, service: chain.service })
    const { backend, believe } = credulousBackend()
    const service = (extra: Partial<AuthorizeOptions>) => createAuthorizer({ ...optionsFor(chain), backend, ...extra })

    const subjects = [chain, filling].map(({ signers }) => signers[0]?.did ?? '')
    const crowded = service({ subjects, maxCachedDelegations: many * 2, replay: { claim: () => true } })
    believe(true)
    fillCache(crowded, filling, many)
    believe(false)
    const contenders: Contender[] = [
      { name: 'few', run: decide(chain, service({ replay: { claim: () => true } })) },
      { name: `${number(many)} cached delegations`, run: decide(chain, crowded) },
      { name: `${number(many)} revocations`, run: decide(chain, service({ revocations: revocationsOf(many) })) },
      { name: `${number(many)} seen invocations`, run: decide(chain, service({ replay: replayOf(many) })) },
    ]
    const measured = await measure(contenders, effort)
    return {
      tables: [
        timesTable('Decide, warm, depth 3, with much to remember', measured),
        claimsTable(smoke ? [10, 100] : [1_000, 100_000, 1_000_000]),
      ],
      figures: {
        'growth cache': ratioOf(measured, `${number(many)} cached delegations`),
        'growth revocations': ratioOf(measured, `${number(many)} revocations`),
      },
    }
  },
}

function decide(chain: Chain, authorizer: ReturnType<typeof createAuthorizer>): () => unknown {
  const next = cycle(chain.containers)
  return () => mustAllow(authorizer.authorizeSync(next()))
}

function revocationsOf(count: number): AuthorizeOptions['revocations'] {
  const store = memoryRevocationStore({ maxEntries: count })
  for (let i = 0; i < count; i++) {
    void store.add({ ids: [delegationName(i)], expiration: never })
  }
  return store
}

/** A store that holds `count`, and takes each later one as new. */
function replayOf(count: number): AuthorizeOptions['replay'] {
  const store = memoryReplayStore({ maxEntries: count * 3 })
  const expiration = inAnHour()
  for (let i = 0; i < count; i++) void store.claim(nameOf(i), expiration, {})
  let serial = count
  return { claim: (_key, until, options) => store.claim(nameOf(serial++), until, options) }
}

function claimsTable(sizes: readonly number[]): Table {
  const claims = 5_000
  const rows = sizes.map((size) => {
    const store = memoryReplayStore({ maxEntries: size * 2 + claims * 20 })
    const expiration = inAnHour()
    for (let i = 0; i < size; i++) void store.claim(nameOf(i), expiration, {})
    const names = Array.from({ length: claims * 9 }, (_, i) => nameOf(size + i))
    const times = Array.from({ length: 9 }, (_, round) => {
      const start = performance.now()
      for (let i = 0; i < claims; i++) void store.claim(names[round * claims + i] as string, expiration, {})
      return ((performance.now() - start) * 1000) / claims
    })
    return [number(size), time(quantile(times, 0.5))]
  })
  return { title: 'Remember one more invocation', columns: ['entries', 'median'], rows }
}

/** A name of the form of a hash in base64url. */
function nameOf(serial: number): string {
  return `${serial}`.padEnd(43, 'abcdefghijklmnopqrstuvwxyz')
}

function inAnHour(): number {
  return Math.floor(Date.now() / 1000) + 3_600
}
