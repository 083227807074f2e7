/**
 * Conditions of a capability: `nb` as a policy, and a policy as `nb`.
 *
 * @module
 */

import { isLimit } from '../core/capability/policy/limit.ts'
import { parsePolicy } from '../core/capability/policy/parse-policy.ts'
import type { Policy } from '../core/capability/policy/statement.ts'
import type { IpldMap, IpldValue } from '../core/ipld/value.ts'
import { ArgumentError, MalformedError } from '../errors.ts'

/** The key of `nb` that carries a policy of UCAN 1.0.0. */
export const policyKey = 'pol'

/**
 * The verifiers for which conditions are written. `any`: all verifiers. Those without this library ignore a policy that
 * they do not know, so only plain `nb` is written. `procura`: verifiers with this library alone.
 */
export type Readers = 'any' | 'procura'

/**
 * Writes a policy as `nb`. A condition that one argument equals one plain value becomes a plain entry, which every
 * verifier of that ecosystem compares. All other conditions are written under `pol`.
 *
 * @throws ArgumentError when `pol` is necessary and `readers` is `any`, or the policy has a limit.
 */
export function caveatsOf(policy: Policy, readers: Readers): IpldMap {
  const plain: Record<string, IpldValue> = Object.create(null)
  const others: Policy[number][] = []
  for (const statement of parsePolicy(policy)) {
    if (isLimit(statement)) throw new ArgumentError(`\`policy\`: ${noLimits}`)
    const [operator, selector, value] = statement
    const name = operator === '==' ? argumentName(selector) : undefined
    if (name === undefined || Object.hasOwn(plain, name) || !isPlain(value as IpldValue)) others.push(statement)
    else plain[name] = value as IpldValue
  }
  if (others.length === 0) return plain
  // UCT-43: A condition that other verifiers ignore is not written for them.
  if (readers !== 'procura') {
    throw new ArgumentError(
      "`policy` cannot be written as plain `nb`, and verifiers without this library would ignore it; if none of them reads the token, set `readers: 'procura'`",
    )
  }
  return { ...plain, [policyKey]: others as IpldValue }
}

/** The name of the argument that a selector selects; undefined when it selects anything else. */
function argumentName(selector: string): string | undefined {
  const name = selector.slice(1)
  return selector.startsWith('.') && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name !== policyKey ? name : undefined
}

/** UCT-42: Other verifiers compare these values. Lists, maps and links are never equal there. */
function isPlain(value: IpldValue): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value)
}

/**
 * Reads an `nb` as a policy: each of its keys is an argument with that value (UCT-34), and the policy under `pol`
 * holds. A key that the call does not have as an argument is not ignored: the condition fails.
 *
 * @throws MalformedError when `pol` is not a valid policy, or has a limit.
 */
export function policyOf(nb: IpldMap): Policy {
  const statements: unknown[] = []
  for (const [key, value] of Object.entries(nb)) {
    if (key !== policyKey) statements.push(['==', argumentSelector(key), value])
  }
  const policy = parsePolicy(Object.hasOwn(nb, policyKey) ? [...statements, ...readPolicy(nb[policyKey])] : statements)
  if (policy.some(isLimit)) throw new MalformedError('LMT-08', `\`nb.pol\`: ${noLimits}`, { kind: 'unsupported' })
  return policy
}

/** LMT-08: verifiers of 0.9.1 without this library ignore `pol`, so its limits would not hold. */
const noLimits = 'a token of UCAN 0.9.1 cannot contain a limit; use a token of UCAN 1.0.0'

/** The selector of an argument. */
export function argumentSelector(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}

function readPolicy(value: IpldValue | undefined): readonly unknown[] {
  // UCT-35: A condition that cannot be read is refused and not ignored.
  if (!Array.isArray(value)) throw new MalformedError('UCT-35', '`nb.pol` must be a policy', { kind: 'unsupported' })
  return value
}
