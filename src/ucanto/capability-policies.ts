import type { CompiledPolicy } from '../capability/policy/compile.ts'
import { beginEvaluation, type Evaluation } from '../capability/policy/evaluation.ts'
import { MalformedError } from '../errors.ts'
import type { Capability } from './capability.ts'
import { policyFor } from './chain-links.ts'
import type { NamedToken } from './open-archive.ts'
import type { Claim, ResourceRules } from './read-claim.ts'
import type { PathStep } from './walk.ts'

/** What the policies of capabilities say about the arguments, each asked once. */
export interface Policies {
  /** The error of a policy that is none, when no capability of the step has another. */
  misread(step: PathStep): unknown
  /** Places of capabilities whose policy can be read. */
  places(step: PathStep): readonly number[]
  permits(step: PathStep, place: number): boolean
  isOverBudget(): boolean
}

/** Begins to ask about one claim: all answers share one budget of steps. */
export function createPolicies({ args }: Claim, rules: ResourceRules): Policies {
  const compiled = new Map<string, CompiledPolicy | { readonly error: unknown }>()
  const verdicts = new Map<string, boolean>()
  const evaluation: Evaluation = beginEvaluation(args)
  const nameOf = ({ key }: NamedToken, place: number): string => `${key} ${place}`

  function compile({ source }: PathStep, place: number): CompiledPolicy | { readonly error: unknown } {
    const name = nameOf(source, place)
    const known = compiled.get(name)
    if (known !== undefined) return known
    const made = attempt(source.token.capabilities[place] as Capability, rules)
    compiled.set(name, made)
    return made
  }

  const places = (step: PathStep): readonly number[] =>
    step.places.filter((place) => !('error' in compile(step, place)))
  return {
    places,
    misread(step) {
      if (places(step).length > 0) return undefined
      const made = compile(step, step.places[0] as number)
      return 'error' in made ? made.error : undefined
    },
    permits(step, place) {
      const name = nameOf(step.source, place)
      const known = verdicts.get(name)
      if (known !== undefined) return known
      const policy = compile(step, place) as CompiledPolicy
      const verdict = policy.evaluate(args, evaluation) === undefined
      verdicts.set(name, verdict)
      return verdict
    },
    isOverBudget: () => evaluation.remaining < 0,
  }
}

function attempt(capability: Capability, rules: ResourceRules): CompiledPolicy | { readonly error: unknown } {
  try {
    return policyFor(capability, rules)
  } catch (error) {
    if (error instanceof MalformedError) return { error }
    throw error
  }
}
