import { parsePolicy } from '../capability/policy/parse-policy.ts'
import type { Policy } from '../capability/policy/statement.ts'
import { MalformedError } from '../errors.ts'
import { type IpldMap, type IpldValue, isMap } from '../ipld/value.ts'
import { quote } from '../support/quote.ts'
import { type Ability, readAbility } from './ability.ts'

/** One entry of `att`: an ability over a resource, under conditions. */
export interface Capability {
  /** `can` as written. */
  readonly can: string
  /** What it gives; undefined when no command here can be that. */
  readonly ability: Ability | undefined
  /** `with`: the resource, or `ucan:*` for all that the issuer has. */
  readonly with: string
  /** `nb` as written; empty when absent. */
  readonly nb: IpldMap
}

/** The resource that stands for all that the issuer of the token has and was given. */
export const allResources = 'ucan:*'

/** The key of `nb` that carries a policy of UCAN 1.0.0. */
export const policyKey = 'pol'

/** `can` of a delegation that says of another that its issuer meant it. */
export const attestAbility = 'ucan/attest'

const none: IpldMap = Object.freeze(Object.create(null))

/** Reads an entry of `att`. */
export function readCapability(value: IpldValue): Capability {
  if (!isMap(value)) throw new MalformedError('UCT-23', 'an entry of `att` is not a map')
  const { can, with: resource, nb = none, ...rest } = value
  const [extra] = Object.keys(rest)
  if (extra !== undefined)
    throw new MalformedError('UCT-23', `an entry of \`att\` has an unknown field ${quote(extra)}`)
  if (typeof resource !== 'string' || !isUri(resource)) throw new MalformedError('UCT-23', '`with` is not a URI')
  if (!isMap(nb)) throw new MalformedError('UCT-23', '`nb` is not a map')
  return { can: can as string, ability: readAbility(can), with: resource, nb }
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

/** Whether a text can be the `with` of a capability. */
export function isUri(text: string): boolean {
  const colon = text.indexOf(':')
  return colon > 0 && /^[A-Za-z][A-Za-z0-9+.-]*$/.test(text.slice(0, colon)) && URL.canParse(text)
}
