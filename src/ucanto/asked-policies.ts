import type { PolicyObjection } from '../capability/policy/compile.ts'
import { beginEvaluation } from '../capability/policy/evaluation.ts'
import type { MalformedError } from '../errors.ts'
import type { IpldMap } from '../ipld/value.ts'
import type { PolicyTable } from './policy-table.ts'
import type { PathStep } from './walk.ts'

/** What the policies of a delegation say: the place of the first capability that permits, or why none does. */
export type Answer =
  | { readonly place: number }
  | { readonly objection: PolicyObjection }
  | { readonly misread: MalformedError }
  | 'over budget'

/** Steps that policies may still take. */
export interface StepsLeft {
  remaining: number
}

/**
 * Begins to ask the policies of an archive about arguments. Each is asked once.
 *
 * @param left - shared by all that is asked for one call.
 * @returns asks the capabilities of a delegation, in the order in which they are preferred.
 */
export function askPolicies(args: IpldMap, policies: PolicyTable, left: StepsLeft): (step: PathStep) => Answer {
  const answers = new Map<string, Answer>()
  const evaluation = beginEvaluation(args)

  function ask({ source, places }: PathStep): Answer {
    let objection: PolicyObjection | undefined
    let misread: MalformedError | undefined
    for (const place of places) {
      const policy = policies(source, place)
      if ('error' in policy) {
        misread ??= policy.error
        continue
      }
      evaluation.remaining = left.remaining
      const objects = policy.evaluate(args, evaluation)
      left.remaining = evaluation.remaining
      if (left.remaining < 0) return 'over budget'
      if (objects === undefined) return { place }
      objection ??= objects
    }
    return objection === undefined ? { misread: misread as MalformedError } : { objection }
  }

  return (step) => {
    const known = answers.get(step.source.key)
    if (known !== undefined) return known
    const answer = ask(step)
    answers.set(step.source.key, answer)
    return answer
  }
}
