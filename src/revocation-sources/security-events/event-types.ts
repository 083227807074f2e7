/** Types of events that usually end authority, by name: those of CAEP 1.0 and RISC 1.0, and the two of SSF 1.0. */
export const securityEventTypes: SecurityEventTypes = Object.freeze({
  sessionRevoked: 'https://schemas.openid.net/secevent/caep/event-type/session-revoked',
  credentialChange: 'https://schemas.openid.net/secevent/caep/event-type/credential-change',
  tokenClaimsChange: 'https://schemas.openid.net/secevent/caep/event-type/token-claims-change',
  assuranceLevelChange: 'https://schemas.openid.net/secevent/caep/event-type/assurance-level-change',
  deviceComplianceChange: 'https://schemas.openid.net/secevent/caep/event-type/device-compliance-change',
  accountDisabled: 'https://schemas.openid.net/secevent/risc/event-type/account-disabled',
  accountPurged: 'https://schemas.openid.net/secevent/risc/event-type/account-purged',
  accountCredentialChangeRequired:
    'https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required',
  credentialCompromise: 'https://schemas.openid.net/secevent/risc/event-type/credential-compromise',
  verification: 'https://schemas.openid.net/secevent/ssf/event-type/verification',
  streamUpdated: 'https://schemas.openid.net/secevent/ssf/event-type/stream-updated',
})

/** The names of {@link securityEventTypes}. */
export interface SecurityEventTypes {
  /** CAEP: a session was revoked. */
  readonly sessionRevoked: string
  /** CAEP: a credential was created, changed, revoked or deleted; see `change_type`. */
  readonly credentialChange: string
  /** CAEP: a claim of a token changed. */
  readonly tokenClaimsChange: string
  /** CAEP: the assurance of an authentication changed. */
  readonly assuranceLevelChange: string
  /** CAEP: a device is no longer compliant, or is again; see `current_status`. */
  readonly deviceComplianceChange: string
  /** RISC: an account was disabled. */
  readonly accountDisabled: string
  /** RISC: an account was deleted. */
  readonly accountPurged: string
  /** RISC: the user of an account must change a credential. */
  readonly accountCredentialChangeRequired: string
  /** RISC: a credential is known to others. */
  readonly credentialCompromise: string
  /** SSF: the transmitter tests the stream. */
  readonly verification: string
  /** SSF: the transmitter paused, disabled or enabled the stream. */
  readonly streamUpdated: string
}
