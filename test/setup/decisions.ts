/**
 * The vectors of tokens on a platform: the decision about each, and whether it depends on earlier decisions. Needs
 * neither Node nor a test runner.
 *
 * @module
 */

import type { Context, Vector } from '../../spec/vectors/generator/vector.ts'
import type { Authorizer } from '../../src/core/authorization/authorize.ts'
import type { Decision } from '../../src/core/authorization/decision.ts'
import type { CryptoBackend } from '../../src/core/principal/backend/backend.ts'
import { containerOf, createDecider, type DeciderApi } from '../vectors/decider.ts'

/**
 * Decides about each vector twice. The first service is new. The second one has decided about all the others in the
 * same context, in the opposite order, and remembers their delegations.
 *
 * @returns for each vector `allowed` or the code of the denial; `A, then B` where the two differ.
 */
export async function decideVectors(
  api: DeciderApi,
  backend: CryptoBackend,
  vectors: readonly Vector[],
): Promise<readonly string[]> {
  const { optionsOf, serviceOf } = createDecider(api)
  const words: string[] = []
  for (const { container, context } of vectors) {
    const service = await serviceOf(context, { backend })
    words.push(wordOf(await service.authorize(containerOf(container))))
  }
  const services = new Map<string, Authorizer>()
  for (const [index, { container, context }] of [...vectors.entries()].reverse()) {
    // These vectors depend on the calls that were seen before.
    if (context.seen.length > 0) continue
    const service =
      services.get(nameOf(context)) ?? api.createAuthorizer({ ...optionsOf(context), backend, ...forgetful(context) })
    services.set(nameOf(context), service)
    const word = wordOf(await service.authorize(containerOf(container)))
    if (word !== words[index]) words[index] += `, then ${word}`
  }
  return words
}

/** The expected verdict for each of them. */
export function expectedWords(vectors: readonly Vector[]): readonly string[] {
  return vectors.map(({ expected }) => (expected.allowed ? 'allowed' : expected.code))
}

function wordOf(decision: Decision): string {
  return decision.allowed ? 'allowed' : decision.denial.code
}

function nameOf(context: Context): string {
  return JSON.stringify(context)
}

/** A replay store that has seen nothing, as some vectors hold the same invocation. */
function forgetful({ unavailable }: Context): object {
  return unavailable.includes('replay') ? {} : { replay: { claim: () => true } }
}
