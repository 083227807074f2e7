import { type Bounds, completeBounds } from '../../bounds.ts'
import { ProofSearchError, StoreError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
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
} from '../../support/options.ts'
import { type Clock, never, secondsOf, systemClock } from '../../time.ts'
import { commandCovers } from '../capability/command.ts'
import { type CommandDefinition, commandOf } from '../capability/definition.ts'
import { readyPolicy } from '../capability/policy/ready-policy.ts'
import { anySubject } from '../capability/subject.ts'
import type { Delegation } from '../delegation/delegation.ts'
import type { Did } from '../did/did.ts'
import { didOption } from '../did/did-option.ts'
import { digestKey } from '../ipld/cid.ts'
import { copyIpld } from '../ipld/copy.ts'
import { type IpldMap, isCid } from '../ipld/value.ts'
import type { ProofStore } from './proof-store.ts'

/** The call for which a chain is searched, and the bounds of the search. */
export interface FindProofsOptions {
  /** The DID of the invoker. */
  readonly invoker: string
  /** The DID of the owner of the authority. */
  readonly subject: string
  /** The command. */
  readonly command: string | CommandDefinition
  /** The arguments. If given, delegations whose policy does not permit them are skipped. */
  readonly args?: IpldMap
  /** The bounds of the service, if they are not the default ones: `tokenBytes`, `depth` and `items` of the call. */
  readonly bounds?: Partial<Bounds>
  /** Default: the host's clock. */
  readonly clock?: Clock
  /** Seconds for which the chain must remain valid. Default 0. */
  readonly validFor?: number
  /** Maximum length of the chain. Default 16. */
  readonly maxLength?: number
  /** Maximum number of delegations that are examined. Default 1,000. */
  readonly maxSteps?: number
  /** Aborts the search. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Finds the shortest chain of delegations, root first, with which the invoker can make a call. The chain is empty when
 * the invoker is the subject. Each delegation is examined once, from the invoker backwards.
 *
 * Signatures are not verified. Store only delegations from senders you know; the service decides about the call.
 *
 * @returns the chain, or `undefined` when the store has none.
 * @throws ArgumentError when the store or an option is missing or not of its type.
 * @throws MalformedError when `command` is malformed.
 * @throws StoreError when the store returns anything but delegations.
 * @throws ProofSearchError when `maxSteps` delegations were examined without a result.
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
  // A tail is a chain that ends at the invoker and does not reach the subject yet.
  let tails: readonly (readonly Delegation[])[] = [[]]
  for (let length = 0; length < search.maxLength && tails.length > 0; length++) {
    const longer: (readonly Delegation[])[] = []
    for (const tail of tails) {
      const holder = tail[0]?.issuer ?? search.invoker
      const found = await unlessAborted(() => store.delegationsTo(holder, search.call), search.call.signal)
      for (const delegation of iterable(found)) {
        if (++steps > search.maxSteps) {
          throw new ProofSearchError(
            `found no chain among the ${search.maxSteps} delegations examined; raise \`maxSteps\`, or store fewer`,
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
  return new StoreError('the proof store returned something other than delegations')
}

const optionChecks: OptionChecks<FindProofsOptions> = Object.freeze({
  invoker: anything,
  subject: anything,
  command: anything,
  args: maybe(objectValue),
  bounds: maybe(objectValue),
  clock: maybe(withMethod('now')),
  validFor: maybe(numberFrom(0)),
  maxLength: maybe(integerFrom(1)),
  maxSteps: maybe(integerFrom(1)),
  signal: abortSignal,
})

interface Search {
  readonly invoker: Did
  readonly subject: Did
  readonly maxLength: number
  readonly maxSteps: number
  readonly call: { readonly signal?: AbortSignal | undefined }
  /** Whether a delegation can precede `next`, the first delegation of the tail so far. */
  serves(delegation: Delegation, next: Delegation | undefined): boolean
}

function readSearch(options: FindProofsOptions): Search {
  const given = readOptions('findProofs', options, optionChecks)
  const { clock = systemClock, validFor = 0, maxLength = 16, maxSteps = 1_000, signal } = given
  // A copy: the caller may change the arguments while the store is waited for.
  const args = given.args === undefined ? undefined : copyIpld(given.args, 'args', completeBounds(given.bounds))
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
      (args === undefined || readyPolicy(delegation.policy).failure(args) === undefined),
  }
}
