import type { Vector } from '../../../spec/vectors/generator/vector.ts'
import { MalformedError } from '../../../src/errors.ts'
import { containerOf, serviceOf } from '../../vectors/decide.ts'

/** The codes of input that is refused when it is read. */
const unread = ['malformed', 'unsupported', 'too_large']

/** Vectors that `authorize` and `open` of the same service do not read alike. */
export async function openingFaults(vectors: readonly Vector[]): Promise<readonly string[]> {
  const faults: string[] = []
  for (const { name, container, context } of vectors) {
    const authorizer = await serviceOf(context)
    const given = containerOf(container)
    const decision = await authorizer.authorize(given)
    const refused = !decision.allowed && unread.includes(decision.denial.code) ? decision.denial.requirement : undefined
    const opened = await authorizer.open(given).then(
      () => undefined,
      (error: unknown) => (error instanceof MalformedError ? error.requirement : String(error)),
    )
    if (opened !== refused) faults.push(`${name}: authorize ${refused ?? 'reads it'}, open ${opened ?? 'reads it'}`)
  }
  return faults
}
