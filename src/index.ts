/**
 * Procura: attenuable, key-bound authority for AI agents.
 *
 * An owner delegates, an agent attenuates and invokes, a service authorizes. In the order of that life:
 *
 * @module
 */

// Authorization
export { Authorization } from './authorization/authorization.ts'
export { type Authorizer, authorize, createAuthorizer } from './authorization/authorize.ts'
export type { Decision } from './authorization/decision.ts'
export type { Denial, DenialCode, DenialDetail } from './authorization/denial.ts'
export { type AuthorizeOptions, uncheckedCommands } from './authorization/options.ts'
export { memoryReplayStore, type ReplayStore } from './authorization/replay-store.ts'
export {
  type RevocationVerdict,
  type VerifyRevocationOptions,
  verifyRevocation,
} from './authorization/verify-revocation.ts'
// Capabilities
export { anyCommand, type Command, parseCommand } from './capability/command.ts'
export { type CommandDefinition, defineCommand } from './capability/definition.ts'
export type { Policy, Statement } from './capability/policy/statement.ts'
export { type AnySubject, anySubject, type Subject } from './capability/subject.ts'
// Containers
export { compressContainer, encodeContainer, encodeContainerBytes } from './container/container.ts'
export { type ContainerContents, openContainer } from './container/open-container.ts'
// Tokens
export { type AttenuateOptions, attenuate } from './delegation/attenuate.ts'
export { decodeDelegation } from './delegation/decode-delegation.ts'
export { type DelegateOptions, delegate } from './delegation/delegate.ts'
export type { Delegation } from './delegation/delegation.ts'
// Principals
export { type Did, isDid, parseDid } from './did/did.ts'
export type { SignatureAlgorithm } from './did/public-key.ts'
export type { DidResolver } from './did/resolver.ts'
// Everywhere
export { AttenuationError, ProcuraError, type ProcuraErrorCode } from './errors.ts'
export { decodeInvocation } from './invocation/decode-invocation.ts'
export type { Invocation } from './invocation/invocation.ts'
export { type InvokeOptions, invoke } from './invocation/invoke.ts'
export type { IpldMap, IpldValue } from './ipld/value.ts'
export type { Limits } from './limits.ts'
export { type GenerateSignerOptions, generateSigner } from './principal/generate-signer.ts'
export type { Signer } from './principal/signer.ts'
export { memoryRevocationStore } from './revocation/memory.ts'
export type {
  RevocationEntry,
  RevocationRecord,
  RevocationRegistry,
  RevocationStore,
} from './revocation/revocation-store.ts'
export { type RevokeOptions, revoke } from './revocation/revoke.ts'
export { type Clock, type Never, never, systemClock, type Timestamp } from './time.ts'
