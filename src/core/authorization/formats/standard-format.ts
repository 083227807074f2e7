/**
 * From a container to a call: find the invocation, and put its proofs in order.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { isContainer } from '../../container/header.ts'
import { tokenKey } from '../../ipld/cid.ts'
import type { Chain, ChainLink } from '../chain.ts'
import { isDenial } from '../denial.ts'
import type { Steps } from '../machinery/steps.ts'
import type { Refusal } from '../refusal.ts'
import { claimsOf } from '../with-claims.ts'
import { readTokens, remembered } from './read-tokens.ts'
import type { ReadingContext, TokenFormat } from './token-format.ts'

/** Reads a call in its format. Returns a chain, or the denial. */
export function readCall(
  container: string | Uint8Array,
  formats: readonly TokenFormat[],
  context: ReadingContext,
): Steps<Chain | Refusal> {
  return formatOf(container, formats).read(container, context)
}

/** The format that recognizes a container, or else the first of the list. */
export function formatOf<Token>(
  container: string | Uint8Array,
  formats: readonly TokenFormat<Token>[],
): TokenFormat<Token> {
  const [first] = formats as readonly [TokenFormat<Token>]
  return formats.length === 1 ? first : (formats.find((format) => format.recognizes(container)) ?? first)
}

/** The default format: containers of UCAN 1.0.0. */
export const standardFormat: TokenFormat<never> = Object.freeze({
  name: 'ucan@1.0.0',
  recognizes: isContainer,
  read: readContainer,
})

function* readContainer(container: string | Uint8Array, { settings, caches }: ReadingContext): Steps<Chain | Refusal> {
  const tokens = yield* readTokens(container, settings, caches)
  if (isDenial(tokens)) return tokens
  const { invocation, delegations } = tokens
  const links = orderProofs(
    invocation.fields.proofs,
    (key) => delegations.get(key) ?? (settings.rememberProofs ? remembered(key, caches) : undefined),
    settings.bounds.proofs,
  )
  if (!isDenial(links)) return { links, invocation, delegations }
  // The log names the invoker, as a claim. A chain that is too long does not fit into a record.
  return links.code === 'proof_missing' ? { ...links, call: claimsOf(invocation, false) } : links
}

/**
 * Puts delegations into the order of a list of CIDs. There is no search: the invoker has put the list in order.
 *
 * @param find - gives the delegation of a `digestKey`, when there is one.
 */
export function orderProofs(
  names: readonly CID[],
  find: (key: string) => ChainLink | undefined,
  most: number,
): readonly ChainLink[] | Refusal {
  if (names.length > most) {
    return { code: 'chain_too_long', requirement: 'LIM-04', facts: { count: names.length } }
  }
  const links: ChainLink[] = []
  const missing: CID[] = []
  let at: number | undefined
  for (let index = 0; index < names.length; index++) {
    const cid = names[index] as CID
    const link = find(tokenKey(cid))
    if (link !== undefined) links.push(link)
    else {
      missing.push(cid)
      at ??= index
    }
  }
  if (at === undefined) return links
  return { code: 'proof_missing', at, requirement: 'PRF-01', missing, facts: { count: names.length } }
}
