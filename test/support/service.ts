import { type Authorizer, createAuthorizer } from '../../src/core/authorization/authorize.ts'
import type { Decision } from '../../src/core/authorization/decision.ts'
import { type AuthorizeOptions, uncheckedCommands } from '../../src/core/authorization/options.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { parseCommand } from '../../src/core/capability/command.ts'
import { parsePolicy } from '../../src/core/capability/policy/parse-policy.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { encodeContainer, type TokenLike } from '../../src/core/container/container.ts'
import { sealDelegation } from '../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import { parseDid } from '../../src/core/did/did.ts'
import type { Invocation } from '../../src/core/invocation/invocation.ts'
import { type InvokeOptions, invoke } from '../../src/core/invocation/invoke.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import { actor, clock, now } from './actors.ts'

/** The service of the tests. */
export const service: Signer = await actor('service')

/** Options of a service that accepts everything that may be accepted; tests narrow them. */
export function serviceOptions(change: Partial<AuthorizeOptions> = {}): AuthorizeOptions {
  return {
    audience: service.did,
    subjects: anySubject,
    commands: uncheckedCommands,
    revocations: memoryRevocationStore({ clock }),
    replay: memoryReplayStore({ clock }),
    clock,
    ...change,
  }
}

/** Makes the decider of such a service. */
export function createService(change: Partial<AuthorizeOptions> = {}): Authorizer {
  return createAuthorizer(serviceOptions(change))
}

/** Delegates without any of the checks of `delegate` and `attenuate`: what a hostile or careless issuer could sign. */
export function delegateRaw(
  issuer: Signer,
  audience: { readonly did: string },
  change: {
    subject?: string | typeof anySubject
    command?: string
    policy?: unknown
    expiration?: Delegation['expiration']
    notBefore?: number
  } = {},
): Promise<Delegation> {
  const { subject = issuer.did, command = '/mail', policy = [], expiration = now + 600, notBefore } = change
  return sealDelegation(
    { issuer, audience: audience.did, ...(notBefore === undefined ? {} : { notBefore }) },
    {
      subject: subject === anySubject ? anySubject : parseDid(subject),
      command: parseCommand(command),
      policy: parsePolicy(policy),
      expiration,
    },
  )
}

/** A chain of delegations from the first actor to the last, over the first one's authority. */
export function chainOf(...actors: readonly Signer[]): Promise<readonly Delegation[]> {
  const [owner] = actors as readonly [Signer]
  return Promise.all(
    actors
      .slice(0, -1)
      .map((issuer, index) => delegateRaw(issuer, actors[index + 1] as Signer, { subject: owner.did })),
  )
}

/** Invokes at the service of the tests, at the time of the tests. */
export function call(
  options: Omit<InvokeOptions, 'audience' | 'clock' | 'command'> & {
    readonly command?: string
    readonly audience?: string
  },
): Promise<Invocation> {
  return invoke({ audience: service.did, command: '/mail/send', clock, ...options })
}

/** A decision in one line: `allowed`, or the code, position and requirement of the denial. */
export function verdict(decision: Decision): string {
  if (decision.allowed) return 'allowed'
  const { code, at, requirement } = decision.denial
  return `${code} at ${at ?? 'container'} ${requirement}`
}

/** Has a call decided by a service of its own. */
export async function decide(tokens: readonly TokenLike[], change: Partial<AuthorizeOptions> = {}): Promise<string> {
  return verdict(await createService(change).authorize(encodeContainer(tokens)))
}
