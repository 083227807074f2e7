import { authorizeMany } from '../../../src/core/authorization/authorize-many.ts'
/**
 * Readers of tokens, containers and archives.
 *
 * @module
 */

import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { type Authorizer, authorize, createAuthorizer } from '../../../src/core/authorization/authorize.ts'
import { standardFormat } from '../../../src/core/authorization/formats/standard-format.ts'
import { openContainer } from '../../../src/core/authorization/open-container.ts'
import type { AuthorizeOptions } from '../../../src/core/authorization/options.ts'
import { verifyDelegation } from '../../../src/core/authorization/verify-delegation.ts'
import { verifyRevocation } from '../../../src/core/authorization/verify-revocation.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { anySubject } from '../../../src/core/capability/subject.ts'
import { decodeDelegation } from '../../../src/core/delegation/decode-delegation.ts'
import { decodeInvocation } from '../../../src/core/invocation/decode-invocation.ts'
import { verifyReceipt } from '../../../src/core/receipt/verify-receipt.ts'
import { memoryRevocationStore } from '../../../src/core/revocation/memory-revocation-store.ts'
import { MalformedError, ResolutionError } from '../../../src/errors.ts'
import { createGuard } from '../../../src/guard/guard.ts'
import { on } from '../../../src/service/on.ts'
import { createService } from '../../../src/service/service.ts'
import { archive } from '../../../src/ucanto/archive.ts'
import { decode, decodeMessage } from '../../../src/ucanto/decode.ts'
import { execute } from '../../../src/ucanto/execute.ts'
import { invoke } from '../../../src/ucanto/invoke.ts'
import type { UcantoToken } from '../../../src/ucanto/token.ts'
import { ucantoFormat } from '../../../src/ucanto/ucanto-format.ts'
import { ucantoService } from '../../../src/ucanto/ucanto-service.ts'
import { verifyRevocation as verifyUcantoRevocation } from '../../../src/ucanto/verify-revocation.ts'
import { actor, clock } from '../../support/actors.ts'
import { serviceOptions } from '../../support/service.ts'
import { rawArchive } from '../../ucanto/raw.ts'
import {
  audience,
  hostileArchive,
  hostileCar,
  hostileContainer,
  hostileTokens,
  hostileUcantoTokens,
} from '../containers.ts'
import { mutateBytes } from '../mutate.ts'
import type { Random } from '../random.ts'
import { type Reader, reader } from '../reader.ts'

/** Options of a service that decides about any input, and collects the reported errors. */
function options(change: Partial<AuthorizeOptions> = {}): AuthorizeOptions {
  const formats = [standardFormat, ucantoFormat({ ownerOf, attestationAuthorities: [audience] })]
  return serviceOptions({ audience, formats, onError: (error) => errors.push(error), ...change })
}

const ownerOf = (resource: string): string | undefined => (resource.includes('alice') ? alice.did : undefined)
const alice = await actor('alice')
const sent: UcantoToken = await invoke({ issuer: alice, audience, command: '/mail/send' })
const [known] = (await decode(await archive(sent))) as [UcantoToken]
/** Errors reported to a service: no input may look like the fault of a store. */
const errors: unknown[] = []
const authorizer: Authorizer = createAuthorizer(options())
const send = defineCommand({ command: '/mail/send', args: {} })
const { subjects: _, commands: __, ...guarding } = options()
const guard = createGuard({ ...guarding, subjects: anySubject, commands: [send], audit: { sink: memoryAuditSink() } })
const { formats: ___, ...serving } = guarding
const service = createService({
  ...serving,
  subjects: anySubject,
  handlers: [on(send, () => 'done')],
  registry: memoryRevocationStore({ clock }),
  audit: { sink: memoryAuditSink() },
})
const handlers = ucantoService(guard, { '/mail/send': () => ({}) })

async function hostileCall(random: Random): Promise<string | Uint8Array> {
  return random.once(2) ? hostileContainer(random) : hostileArchive(random)
}

interface Verdict {
  readonly allowed?: boolean
  readonly accepted?: boolean
  readonly verified?: boolean
  readonly denial?: { readonly code: string; readonly requirement: string }
}

/** A decision is a yes, or a no with a reason that is not a fault of ours. */
function wrongVerdict({ allowed, accepted, verified, denial }: Verdict): string | undefined {
  const told = errors.splice(0)
  if (told.length > 0) return `onError was told ${String((told[0] as Error)?.stack ?? told[0])}`
  if (allowed === true || accepted === true || verified === true) return undefined
  if (denial === undefined || denial.code === 'internal_error') return `refused with ${denial?.code}`
  return /^[A-Z]{3}-\d\d$/.test(denial.requirement) ? undefined : `refused for ${denial.requirement}`
}

const firstWrong = (verdicts: readonly Verdict[]): string | undefined => verdicts.map(wrongVerdict).find(Boolean)

/** For any bytes, these are tokens or nearly tokens. */
const hostileToken = (random: Random): Uint8Array =>
  random.pick(hostileTokens(random)) ?? random.bytes(random.below(60))

/** Objects whose methods are all readers, or are exempt. */
export const readingObjects: Readonly<Record<string, object>> = {
  'index createAuthorizer': authorizer,
  'guard createGuard': guard,
  'service createService': service,
}

/** Readers of tokens of 1.0.0, and of calls in both formats. */
export const tokenReaders: readonly Reader[] = [
  reader({
    of: 'index authorize',
    input: hostileCall,
    read: (call) => authorize(call, options()),
    errors: [],
    wrong: wrongVerdict,
  }),
  reader({
    of: 'index createAuthorizer.authorize',
    input: hostileCall,
    read: authorizer.authorize,
    errors: [],
    wrong: wrongVerdict,
  }),
  reader({
    of: 'index createAuthorizer.authorizeSync',
    input: hostileCall,
    read: authorizer.authorizeSync,
    errors: [],
    wrong: wrongVerdict,
  }),
  reader({
    of: 'authorization authorizeMany',
    input: async (random) => [await hostileCall(random), await hostileCall(random), 'C'],
    read: (containers) => authorizeMany(authorizer, containers),
    errors: [],
    wrong: firstWrong,
    costs: 3,
  }),
  reader({
    of: 'index createAuthorizer.authorize, with the highest limits',
    input: hostileCall,
    read: createAuthorizer(
      options({ bounds: { depth: 256, items: 100_000, tokens: 1_000, tokenBytes: 1 << 20, containerBytes: 1 << 22 } }),
    ).authorize,
    errors: [],
    wrong: wrongVerdict,
  }),
  reader({
    of: 'index createAuthorizer.authorize, with the lowest limits',
    input: hostileCall,
    read: createAuthorizer(
      options({ bounds: { depth: 5, items: 30, tokens: 2, proofs: 1, tokenBytes: 600, containerBytes: 900 } }),
    ).authorize,
    errors: [],
    wrong: wrongVerdict,
  }),
  reader({
    of: 'guard createGuard.use',
    input: hostileCall,
    read: (call) => guard.use(call, () => 'done'),
    errors: [],
    wrong: wrongVerdict,
    costs: 2,
  }),
  reader({
    of: 'guard createGuard.authorize',
    input: hostileCall,
    read: guard.authorize,
    errors: [],
    wrong: wrongVerdict,
    costs: 2,
  }),
  reader({
    of: 'guard createGuard.dryRun',
    input: hostileCall,
    read: guard.dryRun,
    errors: [],
    wrong: wrongVerdict,
    costs: 2,
  }),
  reader({
    of: 'service createService.call',
    input: hostileCall,
    read: (call) => service.call(call),
    errors: [],
    wrong: wrongVerdict,
    costs: 2,
  }),
  reader({ of: 'service createService.revoke', input: hostileCall, read: (call) => service.revoke(call), errors: [] }),
  reader({ of: 'index createAuthorizer.open', input: hostileCall, read: authorizer.open, errors: [MalformedError] }),
  reader({ of: 'guard createGuard.open', input: hostileCall, read: guard.open, errors: [MalformedError] }),
  reader({
    of: 'token openContainer',
    input: hostileContainer,
    read: (container) => openContainer(container),
    errors: [MalformedError],
  }),
  reader({
    of: 'token openContainer, of both formats',
    input: hostileCall,
    read: (container) => openContainer(container, { formats: [standardFormat, ucantoFormat()] }),
    errors: [MalformedError],
  }),
  reader({ of: 'token decodeDelegation', input: hostileToken, read: decodeDelegation, errors: [MalformedError] }),
  reader({ of: 'token decodeInvocation', input: hostileToken, read: decodeInvocation, errors: [MalformedError] }),
  reader({
    of: 'authorization verifyDelegation',
    input: hostileContainer,
    read: (container) => verifyDelegation(container, { clock, onError: (error) => errors.push(error) }),
    errors: [],
    wrong: wrongVerdict,
  }),
  reader({
    of: 'revocation verifyRevocation',
    input: hostileContainer,
    read: (container) => verifyRevocation(container, { clock, onError: (error) => errors.push(error) }),
    errors: [],
    wrong: wrongVerdict,
  }),
  reader({
    of: 'receipt verifyReceipt',
    input: hostileToken,
    read: (bytes) => verifyReceipt(bytes, { executor: audience, task: sent.cid }),
    errors: [],
  }),
]

/** A response of a service: a message that may report. */
async function hostileResponse(random: Random): Promise<Uint8Array> {
  return hostileCar(await hostileUcantoTokens(random, random.once(2)), random)
}

/** Readers of tokens of 0.9.1. */
export const ucantoReaders: readonly Reader[] = [
  reader({ of: 'ucanto decode', input: hostileArchive, read: decode, errors: [MalformedError] }),
  reader({ of: 'ucanto decodeMessage', input: hostileArchive, read: decodeMessage, errors: [MalformedError] }),
  reader({
    of: 'ucanto ucantoFormat',
    input: hostileArchive,
    read: createAuthorizer(options({ formats: [ucantoFormat()] })).authorize,
    errors: [],
    wrong: wrongVerdict,
  }),
  reader({
    of: 'ucanto verifyRevocation',
    input: hostileArchive,
    read: (bytes) =>
      verifyUcantoRevocation(bytes, {
        ...{ audience, clock, revocations: { findRevocations: () => [] }, find: () => known },
        onError: (error) => errors.push(error),
      }),
    errors: [],
    wrong: wrongVerdict,
  }),
  reader({
    of: 'ucanto execute',
    input: hostileResponse,
    read: (bytes) =>
      execute(sent, { url: 'https://example.com', fetch: async () => new Response(bytes as Uint8Array<ArrayBuffer>) }),
    errors: [MalformedError, ResolutionError],
  }),
  reader({
    of: 'ucanto ucantoService',
    input: async (random) => {
      const bytes = rawArchive(await hostileUcantoTokens(random))
      return random.once(2) ? mutateBytes(bytes, random) : bytes
    },
    read: (ok) => Reflect.get(Reflect.get(handlers, 'mail') as object, 'send')({ archive: () => ({ ok }) }),
    errors: [],
    costs: 2,
  }),
]
