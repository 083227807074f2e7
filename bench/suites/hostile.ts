import { readFileSync } from 'node:fs'
import { type AuthorizeOptions, anySubject, createAuthorizer, uncheckedCommands } from 'procura'
import { root } from '../../test/setup/entries.ts'
import { calmly } from '../harness/calm.ts'
import { quantile } from '../harness/measure.ts'
import type { Suite, Table } from '../harness/suite.ts'
import { number, time } from '../harness/table.ts'
import { makeChain, optionsFor } from '../setup/chain.ts'
import { hostileInputs } from '../setup/hostile.ts'
import { makeRaw } from '../setup/raw.ts'

interface Vector {
  readonly name: string
  readonly container: string | { readonly bytes: string }
  readonly context: { readonly time: number; readonly audience: string }
}

/**
 * The most that hostile bytes can cost. Signatures are verified, keys are known, and delegations are not remembered.
 */
export const suite: Suite = {
  name: 'hostile',
  async run({ smoke }) {
    const chain = await makeChain(3, { callCount: 1 })
    const options = { ...optionsFor(chain), commands: uncheckedCommands, bounds: {}, maxCachedDelegations: 0 } as const
    const repetitions = smoke ? 1 : 15
    const inputs = await hostileInputs(chain)
    const costs: (Cost & { readonly name: string; readonly bytes: number })[] = []
    for (const { name, container } of inputs) {
      costs.push({ name, bytes: container.length, ...(await calmly(() => cost(container, options, repetitions))) })
    }
    const worst = Math.max(...costs.map(({ microseconds }) => microseconds))
    const { verifyOne } = makeRaw()
    const raw = await calmly(() => medianTime(verifyOne, repetitions))
    const table: Table = {
      title: 'Requests of at most 64 KiB, each the worst of its kind',
      columns: ['what', 'bytes', 'verdict', 'median', 'for each byte'],
      rows: costs.map(({ name, verdict, bytes, microseconds }) => [
        name,
        number(bytes),
        verdict,
        time(microseconds),
        `${number((microseconds * 1000) / bytes)} ns`,
      ]),
    }
    return {
      tables: [table, vectorsTable(smoke)],
      figures: { 'hostile, ms': worst / 1000, 'hostile / raw': worst / raw },
    }
  },
}

interface Cost {
  readonly microseconds: number
  readonly verdict: string
}

/** The median of some decisions. */
function cost(container: string | Uint8Array, options: AuthorizeOptions, repetitions: number): Cost {
  const authorizer = createAuthorizer(options)
  let verdict = ''
  const microseconds = medianTime(() => {
    const decision = authorizer.authorizeSync(container)
    verdict = decision.allowed ? 'allowed' : decision.denial.code
  }, repetitions)
  return { microseconds, verdict }
}

/** The median of some calls in microseconds, after three that do not count. */
function medianTime(run: () => unknown, repetitions: number): number {
  const times: number[] = []
  for (let i = -3; i < repetitions; i++) {
    const start = performance.now()
    run()
    if (i >= 0) times.push((performance.now() - start) * 1000)
  }
  return quantile(times, 0.5)
}

/** The dearest of the published hostile vectors, by byte. */
function vectorsTable(smoke: boolean): Table {
  const { cases } = JSON.parse(readFileSync(`${root}spec/vectors/hostile.json`, 'utf8')) as { cases: Vector[] }
  const costs = cases
    .filter((_, at) => !smoke || at % 40 === 0)
    .map(({ name, container, context }) => {
      const bytes = typeof container === 'string' ? container : Buffer.from(container.bytes, 'base64url')
      const options: AuthorizeOptions = {
        ...optionsOf(context.audience),
        clock: { now: () => context.time },
      }
      return { name, bytes: bytes.length, ...cost(bytes, options, smoke ? 1 : 5) }
    })
    .filter(({ bytes }) => bytes > 0)
  const dearest = costs.sort((a, b) => b.microseconds / b.bytes - a.microseconds / a.bytes).slice(0, 8)
  return {
    title: `The dearest for each byte of ${number(costs.length)} hostile vectors`,
    columns: ['vector', 'bytes', 'median', 'for each byte'],
    rows: dearest.map(({ name, bytes, microseconds }) => [
      name,
      number(bytes),
      time(microseconds),
      `${number((microseconds * 1000) / bytes)} ns`,
    ]),
    notes: [
      'Decided with the options of a service that takes every subject and command, which lets them get furthest.',
    ],
  }
}

function optionsOf(audience: string): AuthorizeOptions {
  const stores = { revocations: { findRevocations: () => [] }, replay: { claim: () => true } }
  return { audience, subjects: anySubject, commands: uncheckedCommands, maxCachedDelegations: 0, ...stores }
}
