/**
 * Procura: attenuable, key-bound authority for AI agents.
 *
 * An owner delegates, an agent attenuates and invokes, a service authorizes. The names are in that order.
 *
 * @module
 */

// Principals
export { type Did, parseDid } from '../core/did/did.ts'
export type { DidResolver } from '../core/did/resolver.ts'
export { generateSigner } from '../core/principal/generate-signer.ts'
export type { Signer } from '../core/principal/signer.ts'

// Capabilities
export { anyCommand, type Command, parseCommand } from '../core/capability/command.ts'
export { type ArgumentsOf, type CommandDefinition, defineCommand } from '../core/capability/definition.ts'
export type { Policy } from '../core/capability/policy/statement.ts'
export { anySubject } from '../core/capability/subject.ts'

// Tokens and containers
export { encodeContainer } from '../core/container/container.ts'
export { attenuate } from '../core/delegation/attenuate.ts'
export { delegate } from '../core/delegation/delegate.ts'
export type { Delegation } from '../core/delegation/delegation.ts'
export type { Invocation } from '../core/invocation/invocation.ts'
export { invoke } from '../core/invocation/invoke.ts'

// Authorization
export { Authorization } from '../core/authorization/authorization.ts'
export { type Authorizer, authorize, createAuthorizer } from '../core/authorization/authorize.ts'
export type { Decision } from '../core/authorization/decision.ts'
export type { Denial, DenialCode } from '../core/authorization/denial.ts'
export { type AuthorizeOptions, uncheckedCommands } from '../core/authorization/options.ts'
export type { ReplayStore } from '../core/authorization/replay-store.ts'
export type { RevocationStore } from '../core/revocation/revocation-store.ts'

// Everywhere
export { AttenuationError, ProcuraError } from '../errors.ts'
export type { IpldMap, IpldValue } from '../core/ipld/value.ts'
export { type Clock, never, systemClock, type Timestamp } from '../time.ts'
