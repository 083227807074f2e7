// node only: works with parts that use files
/**
 * The scopes that an owner can give to an approval, beside "this call once".
 *
 * @module
 */
import type { IpldMap, IpldValue } from 'procura'
import type { ApprovalRequest } from 'procura/approval'
import { path } from 'procura/arguments'
import {
  compilePolicy,
  describePolicy,
  eq,
  escapeGlob,
  like,
  maxUses,
  not,
  type Policy,
  type Statement,
} from 'procura/policy'
import type { ArgumentTypeName } from '../../support/argument-type-names.ts'
import { argumentsIn } from '../wrap/argument-rules.ts'

/** A scope: what the agent may do without another question. */
export interface Scope {
  /** In words, without text of the agent. */
  readonly words: string
  /** The values of the agent that the words are about. */
  readonly values: IpldMap
  readonly policy: Policy
  /** Most calls; undefined for any number. */
  readonly uses?: number
}

/** The facts that scopes are made of. */
export interface ScopeFacts {
  /** The policies of the delegations of the owner to the agent that cover the command. */
  readonly held: readonly Policy[]
  /** The types of arguments in the configuration of the server. */
  readonly types: Readonly<Record<string, ArgumentTypeName>>
  /** The end in words: `until 2026-12-03T14:00:00Z`. */
  readonly end: string
}

/** Calls of a scope that names a value. */
const uses = 10

/** Most characters of a value: a person has to see all of it. */
const longest = 300

/**
 * The scopes for a request, at most three: the same call; calls with the value that was refused; calls for the folder
 * of a path that was refused. Each permits the requested call. The second and the third keep all conditions of the
 * delegation that came closest, other than the refused ones. APR-70
 */
export function proposeScopes(request: Pick<ApprovalRequest, 'args' | 'service'>, facts: ScopeFacts): readonly Scope[] {
  const { args, service } = request
  const { held, types, end } = facts
  const same: Scope = {
    words: `this call with the same arguments, as often as the agent makes it, ${end}`,
    values: {},
    policy: [eq('.', args)],
  }
  const miss = closestMiss(args, held)
  if (miss === undefined) return [same]
  const { names, kept } = miss
  const values = Object.fromEntries(names.map((name) => [name, args[name] as IpldValue]))
  const limited = (more: readonly Statement[]): Policy => [...kept, ...more, maxUses(uses, service)]
  const also = kept.length === 0 ? '' : `, if ${describePolicy(kept).join(', and ')}`
  // The agent can add arguments that this call does not have.
  const others = ' and any other arguments'
  const equal: Scope = {
    words: `${uses} calls such as this one, with this value${names.length > 1 ? ' of each' : ''}${others}${also}, ${end}`,
    ...{ values, uses },
    policy: limited(names.map((name) => eq(`.${name}`, args[name] as IpldValue))),
  }
  const [name = ''] = names
  const folder = names.length === 1 && types[name] === 'path' ? folderOf(args[name]) : undefined
  if (folder === undefined) return [same, equal]
  const below: Scope = {
    words: `${uses} calls such as this one, with \`${name}\` in this folder or one below it${others}${also}, ${end}`,
    ...{ values: { folder }, uses },
    // The type refuses such paths too, while the configuration has it.
    policy: limited([like(`.${name}`, `${escapeGlob(folder)}/*`), not(like(`.${name}`, '*/..*'))]),
  }
  return [same, equal, below]
}

/** The arguments that were refused, and the conditions that hold. */
interface Miss {
  readonly names: readonly string[]
  readonly kept: readonly Statement[]
}

/** The policy that the fewest conditions keep from permitting the call. Undefined if one is not about arguments. */
function closestMiss(args: IpldMap, held: readonly Policy[]): Miss | undefined {
  const misses = held
    .map((policy) => ({ policy, failed: policy.filter((statement) => !holds(statement, args)) }))
    .filter(({ failed }) => failed.length > 0)
    .sort((one, other) => one.failed.length - other.failed.length)
  const [closest] = misses
  if (closest === undefined) return undefined
  const { policy, failed } = closest
  const named = failed.map((statement) => argumentsIn(statement))
  const names = [...new Set(named.flat())]
  if (named.some(({ length }) => length === 0) || !names.every((name) => canFix(name, args))) return undefined
  // The scope has uses of its own.
  const kept = policy.filter((statement) => !failed.includes(statement) && statement[0] !== 'limit/uses')
  return { names, kept }
}

function holds(statement: Statement, args: IpldMap): boolean {
  return compilePolicy([statement]).evaluate(args) === undefined
}

/** Whether the value of an argument can be fixed by a condition that a person can read. */
function canFix(name: string, args: IpldMap): boolean {
  if (!/^[A-Za-z_]\w{0,63}$/.test(name) || !Object.hasOwn(args, name)) return false
  const value = args[name] as IpldValue
  const isPlain = typeof value !== 'object' || value === null || Array.isArray(value)
  if (!isPlain || String(JSON.stringify(value)).length > longest) return false
  return holds(eq(`.${name}`, value), args)
}

/** The folder of a path in canonical form, other than the root. Undefined where a segment begins with two dots. */
function folderOf(value: IpldValue | undefined): string | undefined {
  const read = path()['~standard'].validate(value)
  if (typeof value !== 'string' || 'issues' in read || value.includes('/..')) return undefined
  return value.slice(0, value.lastIndexOf('/')) || undefined
}
