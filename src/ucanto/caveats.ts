import { parsePolicy } from '../capability/policy/parse-policy.ts'
import type { Policy } from '../capability/policy/statement.ts'
import { ArgumentError } from '../errors.ts'
import type { IpldMap, IpldValue } from '../ipld/value.ts'
import { policyKey } from './capability.ts'

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
