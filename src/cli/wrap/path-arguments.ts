// node only: works with parts that use files
import type { Policy } from '../../capability/policy/statement.ts'
import { UsageError } from '../usage-error.ts'
import type { Grant } from './grants.ts'
import type { ServerPlan } from './planned.ts'

/**
 * Adds the arguments that are paths to the definition of the server, which then accepts one spelling of a path. WRP-16
 *
 * @throws UsageError when several servers are wrapped: a name that no tool of a server has makes its tools unusable.
 */
export function withPaths(plans: readonly ServerPlan[], paths: readonly string[]): readonly ServerPlan[] {
  if (paths.length === 0) return plans
  if (plans.length > 1) throw new UsageError('--paths is for one server; choose it with --server')
  return plans.map((plan) => ({ ...plan, definition: { ...plan.definition, paths } }))
}

/**
 * Warnings about conditions that look like folders and compare strings, because their argument is not declared as a
 * path.
 */
export function pathWarnings(grants: readonly Grant[], paths: readonly string[]): readonly string[] {
  const names = new Set(grants.flatMap(({ policy }) => foldersIn(policy)))
  return [...names]
    .filter((name) => !paths.includes(name))
    .map(
      (name) =>
        `warning: \`.${name}\` is compared as a string, so that \`/../\` in it leaves the folder; if it is a path, pass --paths ${name}`,
    )
}

/** The arguments that a policy compares with a pattern of paths. */
function foldersIn(part: unknown): readonly string[] {
  if (!Array.isArray(part)) return []
  const [operator, selector, pattern] = part as Policy as readonly unknown[]
  if (operator === 'like' && typeof selector === 'string' && typeof pattern === 'string') {
    const [, name] = /^\.([A-Za-z_][A-Za-z0-9_]*)/.exec(selector) ?? []
    return name !== undefined && pattern.includes('/') ? [name] : []
  }
  return part.flatMap((inner: unknown, at) => insideOf(operator, selector, inner, at))
}

/** A condition on each element of a list is about the argument that contains the list. */
function insideOf(operator: unknown, selector: unknown, inner: unknown, at: number): readonly string[] {
  if ((operator !== 'all' && operator !== 'any') || at !== 2 || !Array.isArray(inner)) return foldersIn(inner)
  const [first, element, pattern] = inner as readonly unknown[]
  return first === 'like' && element === '.' ? foldersIn(['like', selector, pattern]) : foldersIn(inner)
}
