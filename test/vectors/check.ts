// node only: runs vectors on the back end of Node too
/**
 * Runs a vector on every back end, synchronously and asynchronously, and reports wrong verdicts.
 * `npm test` runs it on Node synchronously and on one back end asynchronously, which changes from vector to vector, and
 * looks for needless work in every third. CI does all of it.
 *
 * @module
 */

import type { Vector } from '../../spec/vectors/generator/vector.ts'
import type { Decision } from '../../src/core/authorization/decision.ts'
import { defaultBounds } from '../../src/bounds.ts'
import type { CryptoBackend } from '../../src/core/principal/backend/backend.ts'
import { backend as node } from '../../src/core/principal/backend/node.ts'
import { verifyingBackends } from '../core/principal/crypto-vectors.ts'
import { inCi } from '../property/runs.ts'
import { containerOf, optionsOf, serviceOf, serviceOfSync, verdictOf } from './decide.ts'

/** The faults in the verdicts about a vector, and the needless work; empty when all is well. */
export async function faultsOf(vector: Vector): Promise<readonly string[]> {
  vectorsSeen += 1
  return [...(await wrongVerdictsOn(vector)), ...(inCi || vectorsSeen % 3 === 0 ? await wasteOf(vector) : [])]
}

/** Where the verdict about a vector is another than the right one. */
export async function wrongVerdictsOn(vector: Vector): Promise<readonly string[]> {
  const container = containerOf(vector.container)
  const backends = inCi ? verifyingBackends : [nextBackend()]
  const decisions: readonly (readonly [string, Decision])[] = [
    ['node, at once', serviceOfSync(vector.context).authorizeSync(container)],
    ...(await Promise.all(
      backends.map(async (backend): Promise<readonly [string, Decision]> => {
        const service = await serviceOf(vector.context, { backend })
        return [backend.name, await service.authorize(container)]
      }),
    )),
  ]
  const wanted = JSON.stringify(vector.expected)
  return decisions.flatMap(([name, decision]) => {
    const found = JSON.stringify(verdictOf(decision, vector.expected))
    if (found !== wanted) return [`${vector.name} (${name}): ${found}, not ${wanted}`]
    if (decision.allowed || decision.denial.requirement === vector.requirement) return []
    return [`${vector.name} (${name}): ${decision.denial.requirement}, not ${vector.requirement}`]
  })
}

let vectorsSeen = 0
let turns = 0

/** The back ends, one after the other. */
function nextBackend(): CryptoBackend {
  turns += 1
  return verifyingBackends[turns % verifyingBackends.length] ?? node
}

/** How much work a verdict took. */
interface Work {
  signatures: number
  revocations: number
  claims: number
}

/** Codes of which the refusal comes before any signature is looked at. */
const early = new Set([
  'malformed',
  'unsupported',
  'too_large',
  'chain_too_long',
  'invocation_missing',
  'invocation_ambiguous',
  'proof_missing',
  'audience_mismatch',
  'subject_not_accepted',
  'command_unknown',
  'nonce_too_short',
  'root_not_subject',
  'principal_misaligned',
  'subject_misaligned',
  'command_not_covered',
  'not_yet_valid',
  'expired',
  'lifetime_too_long',
])

/** Codes of which the refusal comes after all signatures, and before any store is asked. */
const middle = new Set([
  'key_unresolved',
  'signature_invalid',
  'arguments_invalid',
  'policy_unsatisfied',
  'policy_over_budget',
])

/** Where more work was done than the verdict is worth. */
async function wasteOf(vector: Vector): Promise<readonly string[]> {
  const work: Work = { signatures: 0, revocations: 0, claims: 0 }
  const options = optionsOf(vector.context)
  const service = await serviceOf(
    { ...vector.context, seen: [] },
    {
      backend: counting(work),
      revocations: {
        findRevocations: (...question) => {
          work.revocations += 1
          return options.revocations.findRevocations(...question)
        },
      },
      replay: {
        claim: (...question) => {
          work.claims += 1
          return options.replay.claim(...question)
        },
      },
    },
  )
  const decision = await service.authorize(containerOf(vector.container))
  const code = decision.allowed ? '' : decision.denial.code
  const most: Work = {
    signatures: early.has(code) ? 0 : defaultBounds.proofs + 1,
    revocations: early.has(code) || middle.has(code) ? 0 : 1,
    claims: early.has(code) || middle.has(code) || code.startsWith('revo') ? 0 : 1,
  }
  const wasted = (Object.keys(most) as (keyof Work)[]).filter((kind) => work[kind] > most[kind])
  return wasted.map((kind) => `${vector.name}: ${work[kind]} ${kind}, more than ${most[kind]}`)
}

function counting(work: Work): CryptoBackend {
  return {
    name: node.name,
    sha256: node.sha256,
    prepareKey: node.prepareKey,
    verify: (...question) => {
      work.signatures += 1
      return node.verify(...question)
    },
  }
}
