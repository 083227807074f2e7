import { type AuthorizeOptions, createAuthorizer, uncheckedCommands } from 'procura'
import { type AuditSink, memoryAuditSink } from 'procura/audit'
import { backend } from 'procura/backend/node'
import { createGuard } from 'procura/guard'
import type { CryptoBackend } from 'procura/signer'
import { type Contender, type Measurement, measure } from '../harness/measure.ts'
import type { Effort, Suite, Table } from '../harness/suite.ts'
import { number, time } from '../harness/table.ts'
import { cycle } from '../peers/peer.ts'
import { args, type Chain, makeChain, mustAllow, optionsFor, send } from '../setup/chain.ts'
import { decideWarm, decideWarmAsync } from '../setup/deciders.ts'
import { makeRaw } from '../setup/raw.ts'

/** A stage: the difference between the times of two contenders. */
interface Stage {
  readonly name: string
  readonly from: string
  readonly without?: string
}

/** Accepts every signature at once, so that the rest of a call remains. */
const stubbed: CryptoBackend = { ...backend, verify: () => true, verifyAsync: async () => true }

const raw = 'one raw verification'

/** The answer of a sink that keeps nothing. */
const confirmation: Awaited<ReturnType<AuditSink['append']>> = Object.freeze({
  sink: 'none',
  durability: 'process',
})

/** The stages of a warm decision and of a call of a guard, each by leaving it out. */
export const suite: Suite = {
  name: 'stages',
  async run({ effort }) {
    const chain = await makeChain(3)
    return { tables: [await stagesOfDecision(chain, effort), await stagesOfGuard(chain, effort)], figures: {} }
  },
}

async function stagesOfDecision(chain: Chain, effort: Effort): Promise<Table> {
  const decide = (name: string, extra: Partial<AuthorizeOptions>, of = chain): Contender => ({
    name,
    run: decideWarm(of, { backend: stubbed, ...extra }),
  })
  const withoutPolicies = await makeChain(3, { policy: [] })
  const one = await makeChain(1)
  const measured = await measure(
    [
      { name: raw, run: makeRaw().verifyOne },
      { name: 'whole', run: decideWarm(chain) },
      decide('own', {}),
      decide('without replay', { replay: { claim: () => true } }),
      decide('without revocations', { revocations: { findRevocations: () => [] } }),
      decide('without argument types', { commands: uncheckedCommands }),
      decide('without policies', {}, withoutPolicies),
      decide('of one delegation', {}, one),
    ],
    effort,
  )
  return stageTable('Stages of a warm decision, depth 3', measured, 'whole', [
    { name: 'one raw verification', from: raw },
    { name: 'all else, with the caches of the processor filled by the verification', from: 'whole', without: raw },
    { name: 'all else, without a verification', from: 'own' },
    { name: '– replay: remember the call', from: 'own', without: 'without replay' },
    { name: '– revocations: look up 7 names', from: 'own', without: 'without revocations' },
    { name: '– declared types of two arguments', from: 'own', without: 'without argument types' },
    { name: '– policies of three delegations', from: 'own', without: 'without policies' },
    { name: '– two of the three delegations, policies included', from: 'own', without: 'of one delegation' },
  ])
}

async function stagesOfGuard(chain: Chain, effort: Effort): Promise<Table> {
  const silent: AuditSink = { name: 'none', append: async () => confirmation, close: async () => undefined }
  const decide = createAuthorizer({ ...optionsFor(chain), backend: stubbed })
  const next = cycle(chain.containers)
  const use = (name: string, sink: AuditSink, extra: { readonly backend?: CryptoBackend }): Contender => {
    const guard = createGuard({ ...optionsFor(chain), commands: [send], audit: { sink }, ...extra })
    const call = cycle(chain.containers)
    const run = async () => {
      const result = await guard.use(call(), () => args.amount)
      if (!result.allowed) throw new Error(`a call that is in order was refused: ${result.denial.message}`)
    }
    return { name, run }
  }
  const log = () => memoryAuditSink({ maxRecords: 10_000_000 })
  const measured = await measure(
    [
      { name: raw, run: makeRaw().verifyOne },
      { name: 'whole', run: use('', log(), {}).run },
      { name: 'decided', run: decideWarmAsync(chain) },
      { name: 'own decision', run: async () => mustAllow(await decide.authorize(next())) },
      use('unrecorded', silent, { backend: stubbed }),
      use('own', log(), { backend: stubbed }),
    ],
    effort,
  )
  return stageTable('Stages of `guard.use`, warm, depth 3, audit log in memory', measured, 'whole', [
    { name: 'one raw verification', from: raw },
    { name: 'the decision besides', from: 'decided', without: raw },
    {
      name: 'all else, with the caches of the processor filled by the verification',
      from: 'whole',
      without: 'decided',
    },
    { name: 'all else, without a verification', from: 'own', without: 'own decision' },
    { name: '– deadlines, events and handler', from: 'unrecorded', without: 'own decision' },
    { name: '– two records: encode, hash, keep', from: 'own', without: 'unrecorded' },
  ])
}

function stageTable(title: string, measured: readonly Measurement[], whole: string, stages: readonly Stage[]): Table {
  const of = (name: string | undefined) => measured.find((one) => one.name === name)?.median ?? 0
  return {
    title,
    columns: ['stage', 'time', 'share'],
    rows: stages.map(({ name, from, without }) => {
      const difference = of(from) - of(without)
      if (difference <= 0) return [name, 'within noise', '–']
      return [name, time(difference), `${number((difference / of(whole)) * 100)} %`]
    }),
    notes: [
      'A line with a dash is part of the line above it. Its time is the difference between all of the work and the work without this stage.',
    ],
  }
}
