/**
 * The question of an analysis: is there a call that satisfies these conditions?
 *
 * @module
 */

import type { IpldMap, IpldValue } from '../../ipld/value.ts'
import { at, type Condition, type PathKey } from './condition.ts'
import { satisfy } from './satisfy.ts'
import { beginSearch } from './search.ts'

/** The answer: arguments, a proof that there are none, or the reason why neither was found. */
export type Answer =
  | { readonly kind: 'found'; readonly args: IpldMap; readonly assumed: string | undefined }
  | { readonly kind: 'none' }
  | {
      readonly kind: 'undecided'
      readonly reason: string
      /** Index of a condition of the region that the reason is about, if it is about one. */
      readonly condition?: number
    }

/** The steps that are left for all searches of an analysis. */
export interface AnalysisBudget {
  remaining: number
}

/** Most steps of one search, so that a hard statement leaves steps for the others. */
const maxSteps = 100_000

/** Conditions that calls must satisfy, prepared for many questions. */
export interface Region {
  /** Finds arguments that satisfy the conditions of the region. */
  find(): Answer
  /** Finds arguments that satisfy the conditions of the region, and one more. */
  findWith(condition: Condition): Answer
}

/** Conditions that share arguments with each other, and with no condition of another group. */
interface Group {
  /** The names of the arguments; undefined for all of them. */
  readonly fields: ReadonlySet<PathKey> | undefined
  readonly conditions: readonly Condition[]
  /** Index of the first condition. */
  readonly first: number
  /** The arguments that satisfy them, when they were asked for. */
  answer?: Answer
}

/** Prepares conditions. Those about different arguments are satisfied one after another, not in all combinations. */
export function regionOf(conditions: readonly Condition[], budget: AnalysisBudget): Region {
  const groups = groupsOf(conditions)
  const answerOf = (group: Group): Answer => {
    group.answer ??= ask(group.conditions, budget, { condition: group.first })
    return group.answer
  }
  return {
    find: () => together(groups.map(answerOf)),
    findWith: (condition) => {
      const added: Group = { fields: fieldsOf(condition), conditions: [condition], first: groups.length }
      const near = groups.filter((group) => meet(group, added))
      const answer = ask([...near.flatMap((group) => group.conditions), condition], budget)
      if (answer.kind === 'none') return answer
      return together([...groups.filter((group) => !near.includes(group)).map(answerOf), answer])
    },
  }
}

function ask(
  conditions: readonly Condition[],
  budget: AnalysisBudget,
  place: { readonly condition?: number } = {},
): Answer {
  const steps = Math.min(maxSteps, Math.max(0, budget.remaining))
  const search = beginSearch(steps)
  const args = satisfy([at([], { kind: 'map' }), ...conditions], search)
  budget.remaining -= steps - Math.max(0, search.remaining)
  if (args !== undefined) return { kind: 'found', args: args as IpldMap, assumed: search.assumed }
  return search.gaveUp === undefined ? { kind: 'none' } : { kind: 'undecided', reason: search.gaveUp, ...place }
}

/** The answer to questions about different arguments, asked at once. */
function together(answers: readonly Answer[]): Answer {
  const none = answers.find(({ kind }) => kind === 'none')
  if (none !== undefined) return none
  const args: { [key: string]: IpldValue } = Object.create(null)
  let assumed: string | undefined
  for (const answer of answers) {
    if (answer.kind !== 'found') return answer
    assumed ??= answer.assumed
    for (const [key, value] of Object.entries(answer.args)) args[key] = value
  }
  return { kind: 'found', args, assumed }
}

function groupsOf(conditions: readonly Condition[]): readonly Group[] {
  let groups: readonly Group[] = []
  for (const [first, condition] of conditions.entries()) {
    const added: Group = { fields: fieldsOf(condition), conditions: [condition], first }
    const near = [...groups.filter((group) => meet(group, added)), added]
    const isAboutAll = near.some(({ fields }) => fields === undefined)
    const fields = isAboutAll ? undefined : new Set(near.flatMap((group) => [...(group.fields ?? [])]))
    const merged = { fields, conditions: near.flatMap((group) => group.conditions), first: near[0]?.first ?? first }
    groups = [...groups.filter((group) => !near.includes(group)), merged]
  }
  return groups
}

function meet(one: Group, other: Group): boolean {
  const { fields } = other
  if (one.fields === undefined || fields === undefined) return true
  return [...one.fields].some((field) => fields.has(field))
}

/** The names of the arguments that a condition is about; undefined if it is about the whole map. */
function fieldsOf(condition: Condition, fields: Set<PathKey> = new Set()): ReadonlySet<PathKey> | undefined {
  switch (condition.kind) {
    case 'opaque':
      return fields
    case 'each':
    case 'either':
      return condition.of.every((part) => fieldsOf(part, fields) !== undefined) ? fields : undefined
    default: {
      const [field] = condition.path
      return field === undefined ? undefined : fields.add(field)
    }
  }
}
