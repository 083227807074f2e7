/**
 * Procura: attenuable, key-bound authority for AI agents.
 *
 * An owner delegates, an agent attenuates and invokes, a service authorizes. The names are in that order.
 *
 * @module
 */

// Principals
export { type Did, parseDid } from '../did/did.ts'
export type { DidResolver } from '../did/resolver.ts'
export { generateSigner } from '../principal/generate-signer.ts'
export type { Signer } from '../principal/signer.ts'

// Capabilities
export { anyCommand, type Command, parseCommand } from '../capability/command.ts'
export { type ArgumentsOf, type CommandDefinition, type CommandDraft, defineCommand } from '../capability/definition.ts'
export type { Policy } from '../capability/policy/statement.ts'
export { anySubject } from '../capability/subject.ts'

// Tokens and containers
export { encodeContainer } from '../container/container.ts'
export { type AttenuateOptions, attenuate } from '../delegation/attenuate.ts'
export { type DelegateOptions, delegate } from '../delegation/delegate.ts'
export type { Delegation } from '../delegation/delegation.ts'
export type { Invocation } from '../invocation/invocation.ts'
export { type InvokeOptions, invoke } from '../invocation/invoke.ts'

// Authorization
export { Authorization } from '../authorization/authorization.ts'
export { type Authorizer, authorize, createAuthorizer } from '../authorization/authorize.ts'
export type { Decision } from '../authorization/decision.ts'
export type { Denial, DenialCode } from '../authorization/denial.ts'
export { type AuthorizeOptions, uncheckedCommands } from '../authorization/options.ts'
export type { CallOptions } from '../authorization/settings.ts'
export type { ReplayStore } from '../authorization/replay-store.ts'
export type { RevocationStore } from '../revocation/revocation-store.ts'

// Everywhere
export { AttenuationError, ProcuraError } from '../errors.ts'
export type { IpldMap, IpldValue } from '../ipld/value.ts'
export type { Limits } from '../limits.ts'
export type { CryptoBackend } from '../principal/backend/backend.ts'
export { type Clock, never, systemClock, type Timestamp } from '../time.ts'
