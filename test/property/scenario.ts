/**
 * A scenario as plain data: a chain of delegations, a call, and their faults. The small writer of the reference builds
 * the bytes and the question about them, so that no line of the library takes part.
 *
 * @module
 */
import { CID } from 'multiformats/cid'
import { cidOf, type ReferenceQuestion } from '../reference/chain.ts'
import { type Principal, writeToken } from '../reference/writer.ts'
import { cast, now, unrelatedToken } from './cast.ts'
import {
  callFaults,
  command,
  containerFaults,
  type Draft,
  draftFaults,
  type Fault,
  linkFaults,
  prfFaults,
  type Surroundings,
  segments,
  surroundingFaults,
} from './faults.ts'

/** One delegation as it should be. */
export interface LinkPlan {
  /** Segments of the command that this link and the ones before it leave out; the widest is `/`. */
  readonly cut: number
  readonly policy: readonly unknown[]
  readonly exp: number | null
  readonly nbf: number | undefined
  readonly powerline: boolean
  readonly meta: { readonly [key: string]: unknown } | undefined
  readonly nonceBytes: number
}

/** All of a scenario. `holders` are places in {@link cast}: the subject first, the invoker last. */
export interface Scenario {
  readonly holders: readonly number[]
  readonly links: readonly LinkPlan[]
  /** Place of the executor in the cast, or undefined for the subject, which leaves `aud` out. */
  readonly executor: number | undefined
  readonly args: { readonly [key: string]: unknown }
  readonly exp: number
  readonly faults: readonly Fault[]
  readonly shuffle: number
  /** Delegations in the container that nothing refers to. */
  readonly unrelated: number
}

/**
 * Builds a scenario into a question. The same scenario gives the same bytes every time.
 *
 * @param use - how many of the delegations are used; the holder of the last of them makes the call. Default: all.
 */
export function buildScenario(scenario: Scenario, use: number = scenario.links.length): ReferenceQuestion {
  const people = scenario.holders.map((place) => cast[place] as Principal)
  const subject = people[0] as Principal
  const executor = scenario.executor === undefined ? subject : (cast[scenario.executor] as Principal)
  const audience = executor.did
  const around: Surroundings = {
    audience,
    subjects: [subject.did],
    commands: [command],
    revoked: [],
    seen: new Set(),
    releaseCandidate: false,
    lenient: false,
    maxLifetime: 300,
    minNonce: 12,
  }
  const drafts = [...linkDrafts(scenario, people), invocationDraft(scenario, people, audience)]
  const faults = scenario.faults
  for (const fault of faults) draftFaults[fault.kind]?.(drafts, fault)

  const invocation = drafts.pop() as Draft
  if (use < drafts.length) {
    drafts.length = use
    invocation.signer = people[use] as Principal
    invocation.fields['iss'] = invocation.signer.did
  }
  let links = drafts.map((draft) => writeToken(draft))
  for (const fault of faults) links = linkFaults[fault.kind]?.(links, fault) ?? links
  let prf: unknown[] = links.map((bytes) => CID.parse(cidOf(bytes)))
  for (const fault of faults) prf = prfFaults[fault.kind]?.(prf, fault) ?? prf
  if (Array.isArray(invocation.fields['prf'])) invocation.fields['prf'] = prf
  let call = writeToken(invocation)
  for (const fault of faults) call = callFaults[fault.kind]?.(call, fault) ?? call

  const spare = Array.from({ length: scenario.unrelated }, (_, place) => unrelatedToken(place))
  let tokens: Uint8Array[] = [...links, call, ...spare]
  for (const fault of faults) {
    tokens = containerFaults[fault.kind]?.(tokens, fault, { links, invocation }) ?? tokens
    surroundingFaults[fault.kind]?.(around, fault, { links, call, people })
  }
  return { tokens: shuffled(tokens, scenario.shuffle), ...around, now, skew: 60 }
}

function linkDrafts(scenario: Scenario, people: readonly Principal[]): Draft[] {
  const subject = people[0] as Principal
  let wide = scenario.links.reduce((sum, link) => sum + link.cut, 0)
  return scenario.links.map((link, at) => {
    // Links that cut nothing have the command of the link before; the last ones come near the command itself.
    const depth = Math.max(0, segments.length - wide)
    wide -= link.cut
    return {
      tag: 'ucan/dlg@1.0.0',
      signer: people[at] as Principal,
      fields: {
        iss: (people[at] as Principal).did,
        aud: (people[at + 1] as Principal).did,
        sub: link.powerline && at > 0 ? null : subject.did,
        cmd: depth === 0 ? '/' : `/${segments.slice(0, depth).join('/')}`,
        pol: link.policy,
        nonce: new Uint8Array(link.nonceBytes).fill(at),
        exp: link.exp,
        ...(link.nbf === undefined ? {} : { nbf: link.nbf }),
        ...(link.meta === undefined ? {} : { meta: link.meta }),
      },
    }
  })
}

function invocationDraft(scenario: Scenario, people: readonly Principal[], audience: string): Draft {
  const subject = (people[0] as Principal).did
  const invoker = people.at(-1) as Principal
  return {
    tag: 'ucan/inv@1.0.0',
    signer: invoker,
    fields: {
      iss: invoker.did,
      sub: subject,
      ...(audience === subject ? {} : { aud: audience }),
      cmd: command,
      args: scenario.args,
      prf: [],
      nonce: new Uint8Array(12).fill(7),
      exp: scenario.exp,
    },
  }
}

function shuffled<T>(list: readonly T[], seed: number): T[] {
  return list
    .map((item, place) => ({ item, rank: ((place + 1) * (seed + 7)) % 101 }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}
