/**
 * Procura: attenuable, key-bound authority for AI agents.
 *
 * An owner delegates, an agent attenuates and invokes, a service authorizes. In the order of that life:
 *
 * @module
 */

// Principals
export { type Did, isDid, parseDid } from './did/did.ts'
export type { SignatureAlgorithm } from './did/public-key.ts'
export type { DidResolver } from './did/resolver.ts'
export { type GenerateSignerOptions, generateSigner } from './principal/generate-signer.ts'
export type { Signer } from './principal/signer.ts'

// Capabilities
export { anyCommand, type Command, parseCommand } from './capability/command.ts'
export {
  type ArgumentSchemas,
  type ArgumentsOf,
  type CommandDefinition,
  type CommandDraft,
  defineCommand,
} from './capability/definition.ts'
export type { Policy, Statement } from './capability/policy/statement.ts'
export { type AnySubject, anySubject, type Subject } from './capability/subject.ts'

// Tokens
export { type AttenuateOptions, attenuate } from './delegation/attenuate.ts'
export { decodeDelegation } from './delegation/decode-delegation.ts'
export { type DelegateOptions, delegate } from './delegation/delegate.ts'
export type { Delegation } from './delegation/delegation.ts'
export type { DecodeOptions } from './envelope/open.ts'
export type { TokenVersion } from './envelope/payload-tag.ts'
export { decodeInvocation } from './invocation/decode-invocation.ts'
export type { Invocation } from './invocation/invocation.ts'
export { type InvokeOptions, invoke, type ProofLike } from './invocation/invoke.ts'
export { type RevokeOptions, revoke } from './revocation/revoke.ts'

// Containers
export { compressContainer, encodeContainer, encodeContainerBytes, type TokenLike } from './container/container.ts'
export { type ContainerContents, openContainer } from './container/open-container.ts'

// Authorization
export { Authorization } from './authorization/authorization.ts'
export { type Authorizer, authorize, createAuthorizer } from './authorization/authorize.ts'
export type { ManyOptions } from './authorization/authorize-many.ts'
export type { Decision } from './authorization/decision.ts'
export type { Approvable, ClaimedCall, Denial, DenialCode, DenialDetail } from './authorization/denial.ts'
export {
  type AuthorizeOptions,
  type CallOptions,
  uncheckedCommands,
  type VerificationOptions,
} from './authorization/options.ts'
export { type MemoryReplayStoreOptions, memoryReplayStore, type ReplayStore } from './authorization/replay-store.ts'
export {
  type RevocationVerdict,
  type VerifyRevocationOptions,
  verifyRevocation,
} from './authorization/verify-revocation.ts'
export { type MemoryRevocationStoreOptions, memoryRevocationStore } from './revocation/memory.ts'
export type {
  RevocationEntry,
  RevocationRecord,
  RevocationRegistry,
  RevocationStore,
} from './revocation/revocation-store.ts'

// Everywhere
export { AttenuationError, ProcuraError, type ProcuraErrorCode } from './errors.ts'
export type { IpldMap, IpldValue } from './ipld/value.ts'
export type { Limits } from './limits.ts'
export type { CryptoBackend } from './principal/backend/backend.ts'
export { type Clock, type Never, never, systemClock, type Timestamp } from './time.ts'
