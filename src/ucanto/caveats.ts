/**
 * Conditions of a capability: `nb` as a policy, and a policy as `nb`.
 *
 * @module
 */

import { parsePolicy } from '../capability/policy/parse-policy.ts'
import type { Policy } from '../capability/policy/statement.ts'
import { ArgumentError, MalformedError } from '../errors.ts'
import type { IpldMap, IpldValue } from '../ipld/value.ts'

/** The key of `nb` that carries a policy of UCAN 1.0.0. */
export const policyKey = 'pol'

/**
 * Who will read a token that carries conditions. `any`: also verifiers that know nothing of this library, which ignore
 * a policy they do not know; only what plain `nb` can say is written then. `procura`: verifiers of this library alone.
 */
export type Readers = 'any' | 'procura'

/**
 * Writes a policy as `nb`. Conditions that one argument shall have one plain value become plain entries, which every
 * verifier of that ecosystem compares; all others go under `pol`.
 *
 * @throws ArgumentError when `pol` is needed and the caller has not said that only this library will read it.
 */
export function caveatsOf(policy: Policy, readers: Readers): IpldMap {
  const plain: Record<string, IpldValue> = Object.create(null)
  const others: Policy[number][] = []
  for (const statement of parsePolicy(policy)) {
    const [operator, selector, value] = statement
    const name = operator === '==' ? argumentName(selector) : undefined
    if (name === undefined || Object.hasOwn(plain, name) || !isPlain(value as IpldValue)) others.push(statement)
    else plain[name] = value as IpldValue
  }
  if (others.length === 0) return plain
  // UCT-43
  if (readers !== 'procura') {
    throw new ArgumentError(
      "the policy says more than plain `nb` can, and other verifiers would ignore it; if none will see the token, say `readers: 'procura'`",
    )
  }
  return { ...plain, [policyKey]: others as IpldValue }
}

/** The argument that a selector names, when it names one and no more. */
function argumentName(selector: string): string | undefined {
  const name = selector.slice(1)
  return selector.startsWith('.') && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name !== policyKey ? name : undefined
}

/** UCT-42: values that verifiers of that ecosystem compare as they are; lists, maps and links never equal each other there. */
function isPlain(value: IpldValue): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value)
}

/**
 * What an `nb` asks of the arguments, as a policy: that each of its keys is an argument with that value (UCT-34), and
 * what its policy says. A key that the call does not have is not ignored; there is no such argument, so the answer is no.
 *
 * @throws MalformedError when it carries a policy that is not one.
 */
export function policyOf(nb: IpldMap): Policy {
  const statements: unknown[] = []
  for (const [key, value] of Object.entries(nb)) {
    if (key !== policyKey) statements.push(['==', argumentSelector(key), value])
  }
  return parsePolicy(Object.hasOwn(nb, policyKey) ? [...statements, ...readPolicy(nb[policyKey])] : statements)
}

/** The selector of an argument. */
export function argumentSelector(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}

function readPolicy(value: IpldValue | undefined): readonly unknown[] {
  // UCT-35: a constraint that is not understood is refused, never left out.
  if (!Array.isArray(value)) throw new MalformedError('UCT-35', '`nb.pol` is not a policy', { kind: 'unsupported' })
  return value
}
