import type { Policy } from '../policy/statement.ts'
import {
  type ExampleCall,
  exampleOf,
  type Finding,
  findAny,
  findBeyond,
  findCommon,
  isExample,
  readSides,
  type UndecidedStatement,
  undecidedOf,
} from './findings.ts'

/** The result of {@link permits}. Calls are there when the answer has them; one may be there when it is unknown. */
export interface PermittedRegion {
  /**
   * - `always`: the policy permits all calls of the region.
   * - `sometimes`: the policy permits some calls of the region, and not all.
   * - `never`: the policy permits no call of the region.
   * - `unknown`: none of these was proved.
   */
  readonly permission: 'always' | 'sometimes' | 'never' | 'unknown'
  /** A call of the region that the policy permits. */
  readonly permitted?: ExampleCall
  /** A call of the region that the policy does not permit, or permits less often than the region does. */
  readonly refused?: ExampleCall
  /** Present if and only if the permission is `unknown`. The first policy is the asked one, the second the region. */
  readonly undecided?: UndecidedStatement
}

/**
 * Answers whether a policy can ever permit a call of a region, with calls that were evaluated. The region is a policy
 * itself: `[not(like('.to', '*@example.com'))]` contains the mails to other domains. An answer other than `unknown`
 * holds for all arguments that a call can contain. `spec/policy-analysis.md`
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that the policy or the region breaks.
 *
 * @example
 * ```ts
 * import { like, not, permits } from 'procura/policy'
 *
 * const outside = [not(like('.to', '*@example.com'))]
 * const { permission, permitted } = permits([like('.to', 'ann@*')], outside)
 * console.log(permission, permitted?.args) // sometimes { to: 'ann@' }
 * ```
 */
export function permits(policy: Policy, region: Policy): PermittedRegion {
  const [asked, calls] = readSides(policy, region)
  const permitted = findCommon(asked, calls)
  // ANL-08
  if (permitted === undefined) return Object.freeze({ permission: 'never', ...exampleOf('refused', findAny(calls)) })
  const refused = findBeyond(calls, asked)
  const permission = permissionOf(permitted, refused)
  return Object.freeze({
    permission,
    ...exampleOf('permitted', permitted),
    ...exampleOf('refused', refused),
    ...undecidedOf(permission, [permitted, refused]),
  })
}

function permissionOf(permitted: Finding, refused: Finding): PermittedRegion['permission'] {
  // ANL-07
  if (!isExample(permitted)) return 'unknown'
  if (refused === undefined) return 'always'
  return isExample(refused) ? 'sometimes' : 'unknown'
}
