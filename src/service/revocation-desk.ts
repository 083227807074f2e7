/**
 * Takes the revocations that a service receives.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { withDeadline } from '../audit/combine/with-deadline.ts'
import { newEventId } from '../audit/events/event.ts'
import type { Ledger } from '../audit/ledger/create-ledger.ts'
import { type DenialSampler, sampleDenials } from '../audit/sample-denials.ts'
import { openContainer } from '../core/authorization/open-container.ts'
import { verifyRevocation } from '../core/authorization/verify-revocation.ts'
import { anySubject } from '../core/capability/subject.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import { type Did, parseDid } from '../core/did/did.ts'
import type { Invocation } from '../core/invocation/invocation.ts'
import { isCid, isList } from '../core/ipld/value.ts'
import type { RevocationEntry, RevocationRegistry } from '../core/revocation/revocation-store.ts'
import type { GuardOptions } from '../guard/options.ts'
import type { GuardDenial } from '../guard/result.ts'
import { unlessAborted } from '../support/abort.ts'
import { withinDeadline } from '../support/deadline.ts'
import { ownBytes } from '../support/own-bytes.ts'
import { quietly } from '../support/quietly.ts'
import { secondsOf, systemClock } from '../time.ts'

/** The answer to a received revocation. */
export type RevocationResult =
  | {
      readonly accepted: true
      /** The CID of the revoked delegation. */
      readonly revoked: string
      /** Whether it is on record. The revocation applies in any case. */
      readonly recorded: boolean
    }
  | { readonly accepted: false; readonly denial: GuardDenial }

/** Takes revocations. */
export interface RevocationDesk {
  take(container: string | Uint8Array, signal: AbortSignal | undefined): Promise<RevocationResult>
  /** Takes no more, and resolves when those in progress have ended. */
  close(): Promise<void>
}

/** Options of {@link createRevocationDesk}. */
export interface DeskOptions extends Omit<GuardOptions, 'commands' | 'ledger'> {
  readonly registry: RevocationRegistry | undefined
  readonly ledger: Pick<Ledger, 'revoked'> | undefined
}

/** Most copies of revocations that are recorded in a minute. */
const mostCopies = 10

/** Makes the place for revocations of a service. */
export function createRevocationDesk(options: DeskOptions): RevocationDesk {
  const { audit, deadlines } = options
  const { decisionMs = 2_000 } = deadlines ?? {}
  const sink = withDeadline(audit.sink, { ...(audit.deadlineMs !== undefined && { deadlineMs: audit.deadlineMs }) })
  const copies = sampleDenials({
    unauthenticated: mostCopies,
    ...(options.clock !== undefined && { clock: options.clock }),
  })
  const underWay = new Set<Promise<unknown>>()
  const storing = new Map<string, Promise<unknown>>()
  let isClosed = false

  async function work(container: string | Uint8Array, signal: AbortSignal | undefined): Promise<RevocationResult> {
    const reason = (): Error =>
      new DOMException(
        `a revocation was not verified and stored within ${decisionMs} ms; raise \`deadlines.decisionMs\` if it needs longer`,
        'TimeoutError',
      )
    let accepted: Accepted | GuardDenial
    try {
      accepted = await withinDeadline(decisionMs, { signals: [signal], reason }, (ended) =>
        accept(container, options, { copies, storing }, ended),
      )
    } catch (error) {
      report(options, error)
      return refuse('revocation_unknown', 'the revocation could not be stored; send it again later')
    }
    if ('code' in accepted) return Object.freeze({ accepted: false, denial: Object.freeze(accepted) })
    const recorded = await record(accepted, options, sink)
    return Object.freeze({ accepted: true, revoked: String(accepted.target), recorded })
  }

  return {
    async take(container, signal) {
      if (isClosed) return refuse('closed', 'the service is shutting down; send the revocation again later')
      if (options.registry === undefined) return refuse('unsupported', 'this service does not accept revocations')
      // Read twice, with a wait in between: the chain that is compared must be the one that was verified.
      const taken = work(ownBytes(container), signal)
      underWay.add(taken)
      try {
        return await taken
      } finally {
        underWay.delete(taken)
      }
    },
    async close() {
      isClosed = true
      await Promise.allSettled(underWay)
    },
  }
}

/** The state of a desk. */
interface Storing {
  readonly copies: DenialSampler
  /** The revocations that are being stored, by name. */
  readonly storing: Map<string, Promise<unknown>>
}

/** A revocation that was verified and stored. */
interface Accepted {
  readonly target: CID
  readonly entry: RevocationEntry
  readonly revocation: Invocation
}

async function accept(
  container: string | Uint8Array,
  options: DeskOptions,
  desk: Storing,
  signal: AbortSignal,
): Promise<Accepted | GuardDenial> {
  const { accept, acceptRedundantFields, backend, clock, clockTolerance, bounds, resolver, revocations } = options
  const reading = {
    ...(accept !== undefined && { accept }),
    ...(acceptRedundantFields !== undefined && { acceptRedundantFields }),
    ...(bounds !== undefined && { bounds }),
  }
  const verdict = await verifyRevocation(container, {
    ...reading,
    ...(backend !== undefined && { backend }),
    ...(clock !== undefined && { clock }),
    ...(clockTolerance !== undefined && { clockTolerance }),
    ...(resolver !== undefined && { resolver }),
    onError: (error) => report(options, error),
    revocations,
    signal,
  })
  if (!verdict.accepted) return verdict.denial
  const { delegations, invocations } = await openContainer(container, reading)
  const [revocation] = invocations
  const owner = revocation && ownerOf(revocation, delegations)
  // SVC-17
  if (revocation === undefined || owner === undefined || !(await isServed(owner, options, signal))) {
    return {
      code: 'subject_not_accepted',
      message:
        'the `path` of the revocation does not begin with a delegation by an owner that this service acts for; send the whole chain, from the owner to the revoked delegation',
      requirement: 'SVC-17',
    }
  }
  const { entry, target } = verdict
  // Where everybody is an owner, a stranger would take the places of owners.
  const byDelegate = options.subjects === anySubject || entry.revoker !== owner
  const isFresh = await inTurn(desk.storing, JSON.stringify([entry.ids, entry.revoker]), signal, async () => {
    // SVC-27: anybody can send a copy.
    if ((await isKnown(entry, options, signal)) && !desk.copies.admit(undefined)) return false
    await options.registry?.add(entry, { byDelegate })
    return true
  })
  if (!isFresh) return repeated
  // It applies already; a failure asks the sender to send it again.
  await options.ledger?.revoked(entry)
  return { target, entry, revocation }
}

/** Runs a task when no other one of its name runs: of copies that arrive at once, the first one is stored. */
async function inTurn<T>(
  running: Map<string, Promise<unknown>>,
  name: string,
  signal: AbortSignal,
  task: () => Promise<T>,
): Promise<T> {
  for (let other = running.get(name); other !== undefined; other = running.get(name)) {
    await other
    signal.throwIfAborted()
  }
  const result = task()
  const end = (): void => void running.delete(name)
  // A store that never answers does not hold the next copy for ever.
  running.set(name, unlessAborted(result, signal).then(end, end))
  return result
}

/** Whether a revocation is in the store. */
async function isKnown(
  { ids, revoker }: RevocationEntry,
  { registry }: DeskOptions,
  signal: AbortSignal,
): Promise<boolean> {
  // A shared store leaves out a revoker that is not in the question.
  const found =
    (await registry?.findRevocations([...ids, ...(revoker === undefined ? [] : [revoker])], { signal })) ?? []
  return ids.every((id) => found.some((one) => one.id === id && one.revoker === revoker))
}

const repeated: GuardDenial = Object.freeze({
  code: 'overloaded',
  message: 'the revocation applies already, and copies of revocations arrive too often; send no more of them',
  requirement: 'SVC-27',
})

/** The issuer of the first delegation of the path, if it delegates its own authority. */
function ownerOf({ args }: Invocation, delegations: readonly Delegation[]): Did | undefined {
  const { path, revoke } = args
  const [first] = path !== undefined && isList(path) ? path : [revoke]
  if (first === undefined || !isCid(first)) return undefined
  const root = delegations.find(({ cid }) => cid.equals(first))
  return root !== undefined && (root.subject === root.issuer || root.subject === anySubject) ? root.issuer : undefined
}

async function isServed(owner: Did, { subjects }: DeskOptions, signal: AbortSignal): Promise<boolean> {
  if (subjects === anySubject) return true
  if (typeof subjects === 'function') return (await subjects(owner, { signal })) === true
  return subjects.some((subject) => parseDid(subject) === owner)
}

/** The revocation applies whether or not it is on record. */
async function record(
  { entry, revocation, target }: Accepted,
  options: DeskOptions,
  sink: ReturnType<typeof withDeadline>,
): Promise<boolean> {
  const { audit, clock = systemClock } = options
  const { revoker } = entry
  try {
    const issuer = revoker && audit.pseudonymize ? await audit.pseudonymize(revoker) : revoker
    await sink.append(
      {
        id: newEventId(),
        time: secondsOf(clock),
        kind: 'revoked',
        revoked: String(target),
        revocation: String(revocation.cid),
        ...(issuer !== undefined && { issuer }),
      },
      {},
    )
    return true
  } catch (error) {
    report(options, error)
    return false
  }
}

function report({ onError }: DeskOptions, error: unknown): void {
  quietly(() => onError?.(error))
}

/** SVC-16 */
function refuse(code: GuardDenial['code'], message: string): RevocationResult {
  return Object.freeze({ accepted: false, denial: Object.freeze({ code, message, requirement: 'SVC-16' }) })
}
