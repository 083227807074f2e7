/**
 * Procura: attenuable, key-bound authority for AI agents.
 *
 * An owner delegates, an agent attenuates and invokes, a service authorizes. In the order of that life:
 *
 * @module
 */

// Principals
export { type Did, parseDid } from '../did/did.ts'
export type { SignatureAlgorithm } from '../did/public-key.ts'
export type { DidResolver } from '../did/resolver.ts'
export { type GenerateSignerOptions, generateSigner } from '../principal/generate-signer.ts'
export type { Signer } from '../principal/signer.ts'

// Capabilities
export { anyCommand, type Command, parseCommand } from '../capability/command.ts'
export {
  type ArgumentSchemas,
  type ArgumentsOf,
  type CommandDefinition,
  type CommandDraft,
  defineCommand,
} from '../capability/definition.ts'
export type { Policy, Statement } from '../capability/policy/statement.ts'
export { type AnySubject, anySubject, type Subject } from '../capability/subject.ts'

// Tokens
export { type AttenuateOptions, attenuate } from '../delegation/attenuate.ts'
export { type DelegateOptions, delegate } from '../delegation/delegate.ts'
export type { Delegation } from '../delegation/delegation.ts'
export type { TokenVersion } from '../envelope/payload-tag.ts'
export type { Invocation } from '../invocation/invocation.ts'
export { type InvokeOptions, invoke, type ProofLike } from '../invocation/invoke.ts'

// Containers
export { encodeContainer, type TokenLike } from '../container/container.ts'

// Authorization
export { Authorization } from '../authorization/authorization.ts'
export { type Authorizer, authorize, createAuthorizer } from '../authorization/authorize.ts'
export type { Decision } from '../authorization/decision.ts'
export type { Approvable, ClaimedCall, Denial, DenialCode, DenialDetail } from '../authorization/denial.ts'
export {
  type AuthorizeOptions,
  type CallOptions,
  type ManyOptions,
  uncheckedCommands,
  type VerificationOptions,
} from '../authorization/options.ts'
export type { ReplayStore } from '../authorization/replay-store.ts'
export type { RevocationRecord, RevocationStore } from '../revocation/revocation-store.ts'

// Everywhere
export { AttenuationError, ProcuraError, type ProcuraErrorCode } from '../errors.ts'
export type { IpldMap, IpldValue } from '../ipld/value.ts'
export type { Limits } from '../limits.ts'
export type { CryptoBackend } from '../principal/backend/backend.ts'
export { type Clock, type Never, never, systemClock, type Timestamp } from '../time.ts'
