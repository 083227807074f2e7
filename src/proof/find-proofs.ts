import { commandCovers } from '../capability/command.ts'
import { type CommandDefinition, commandOf } from '../capability/definition.ts'
import { compileParsed } from '../capability/policy/compile.ts'
import { anySubject } from '../capability/subject.ts'
import type { Delegation } from '../delegation/delegation.ts'
import type { Did } from '../did/did.ts'
import { didOption } from '../did/did-option.ts'
import { ProofSearchError, StoreError } from '../errors.ts'
import { digestKey } from '../ipld/cid.ts'
import { decodeCbor } from '../ipld/decode.ts'
import { encodeCbor } from '../ipld/encode.ts'
import { type IpldMap, isCid } from '../ipld/value.ts'
import { unlessAborted } from '../support/abort.ts'
import {
  abortSignal,
  anything,
  integerFrom,
  maybe,
  numberFrom,
  type OptionChecks,
  objectValue,
  readOptions,
  withMethod,
} from '../support/options.ts'
import { type Clock, never, secondsOf, systemClock } from '../time.ts'
import type { ProofStore } from './proof-store.ts'

/** What a chain is looked for. */
export interface FindProofsOptions {
  /** Who wants to call. */
  readonly invoker: string
  /** Whose authority is to be used. */
  readonly subject: string
  /** What is to be done. */
  readonly command: string | CommandDefinition
  /** With which arguments. When given, delegations whose policy does not permit them are passed over. */
  readonly args?: IpldMap
  /** Default: the host's clock. */
  readonly clock?: Clock
  /** Seconds for which the chain must still be valid. Default 0. */
  readonly validFor?: number
  /** Most delegations in the chain. Default 16. */
  readonly maxLength?: number
  /** Most delegations looked at. Default 1,000. */
  readonly maxSteps?: number
  /** Ends a store that takes too long. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Finds the shortest chain of delegations, root first, by which the invoker can make a call; an empty one when the
 * invoker is the subject. Looks at each delegation once, backwards from the invoker.
 *
 * Nothing is verified: put into the store what came from whom you asked for it, and let the service decide.
 *
 * @returns the chain, or `undefined` when the store has none.
 * @throws ArgumentError when the store or an option is missing or not of its type.
 * @throws MalformedError when the command is none.
 * @throws StoreError when the store gives something else than delegations.
 * @throws ProofSearchError when `maxSteps` were not enough to tell.
 *
 * @example
 * ```ts
 * import { invoke } from 'procura'
 * import { findProofs } from 'procura/proof'
 *
 * const args = { to: 'bob@example.com' }
 * const proofs = await findProofs(held, { invoker: agent.did, subject: owner.did, command: send, args })
 * if (proofs === undefined) throw new Error('no delegation permits this call')
 * const call = await invoke({ issuer: agent, audience: service.did, command: send, args, proofs })
 * ```
 */
export async function findProofs(
  store: ProofStore,
  options: FindProofsOptions,
): Promise<readonly Delegation[] | undefined> {
  readOptions('findProofs', { store }, { store: withMethod('delegationsTo') })
  const search = readSearch(options)
  if (search.invoker === search.subject) return []
  const seen = new Set<string>()
  let steps = 0
  // A tail is a chain that ends at the invoker and does not begin at the subject yet.
  let tails: readonly (readonly Delegation[])[] = [[]]
  for (let length = 0; length < search.maxLength && tails.length > 0; length++) {
    const longer: (readonly Delegation[])[] = []
    for (const tail of tails) {
      const holder = tail[0]?.issuer ?? search.invoker
      const found = await unlessAborted(() => store.delegationsTo(holder, search.call), search.call.signal)
      for (const delegation of iterable(found)) {
        if (++steps > search.maxSteps) {
          throw new ProofSearchError(
            `looked at ${search.maxSteps} delegations and found no chain; raise \`maxSteps\` or hold fewer`,
          )
        }
        if (delegation?.kind !== 'delegation' || !isCid(delegation.cid)) throw notDelegations()
        const key = digestKey(delegation.cid.multihash.digest)
        if (delegation.audience !== holder || seen.has(key) || !search.serves(delegation, tail[0])) continue
        seen.add(key)
        const chain = [delegation, ...tail]
        if (delegation.issuer === search.subject && delegation.subject === search.subject) return Object.freeze(chain)
        longer.push(chain)
      }
    }
    tails = longer
  }
  return undefined
}

function iterable(found: Iterable<Delegation>): Iterable<Delegation> {
  if (typeof found?.[Symbol.iterator] !== 'function') throw notDelegations()
  return found
}

function notDelegations(): StoreError {
  return new StoreError('the proof store gave something else than delegations')
}

const optionChecks: OptionChecks<FindProofsOptions> = Object.freeze({
  invoker: anything,
  subject: anything,
  command: anything,
  args: maybe(objectValue),
  clock: maybe(withMethod('now')),
  validFor: maybe(numberFrom(0)),
  maxLength: maybe(integerFrom(1)),
  maxSteps: maybe(integerFrom(1)),
  signal: maybe(abortSignal),
})

interface Search {
  readonly invoker: Did
  readonly subject: Did
  readonly maxLength: number
  readonly maxSteps: number
  readonly call: { readonly signal?: AbortSignal | undefined }
  /** Whether a delegation can stand in front of `next`, the first of the tail so far. */
  serves(delegation: Delegation, next: Delegation | undefined): boolean
}

function readSearch(options: FindProofsOptions): Search {
  const given = readOptions('findProofs', options, optionChecks)
  const { clock = systemClock, validFor = 0, maxLength = 16, maxSteps = 1_000, signal } = given
  // A copy: the store may take its time.
  const args = given.args === undefined ? undefined : decodeCbor(encodeCbor(given.args, 'args'))
  const subject = didOption('subject', given.subject)
  const command = commandOf(given.command)
  const now = secondsOf(clock)
  return {
    invoker: didOption('invoker', given.invoker),
    subject,
    maxLength,
    maxSteps,
    call: { signal },
    serves: (delegation, next) =>
      (delegation.subject === anySubject || delegation.subject === subject) &&
      commandCovers(delegation.command, next?.command ?? command) &&
      (delegation.notBefore === undefined || delegation.notBefore <= now) &&
      (delegation.expiration === never || delegation.expiration >= now + validFor) &&
      (args === undefined || compileParsed(delegation.policy).evaluate(args) === undefined),
  }
}
