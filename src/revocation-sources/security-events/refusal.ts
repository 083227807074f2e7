/** The registered reasons for which a receiver refuses a Security Event Token (RFC 8935, section 2.4). */
export type SetErrorCode =
  | 'invalid_request'
  | 'invalid_key'
  | 'invalid_issuer'
  | 'invalid_audience'
  | 'authentication_failed'
  | 'access_denied'

/** A final refusal, as the transmitter receives it: sending the same token again has the same result. */
export interface SetRefusal {
  readonly err: SetErrorCode
  /** For people. It contains nothing of the token. */
  readonly description: string
}

/** The result of processing a Security Event Token. */
export type SetReception =
  /** `repeated`: the token had been processed before, and has had no further effect. */
  { readonly accepted: true; readonly repeated: boolean } | { readonly accepted: false; readonly refusal: SetRefusal }

/** The `typ` of a token, which is also its media type behind `application/`. */
export const setType = 'secevent+jwt'

/** The longest token, in characters. */
export const maxSetLength = 65_536

/**
 * The refusal that follows from an error of `jose`. Undefined for an error that is not the fault of the token, such as
 * a key set that did not respond: the same token can be accepted later. RVK-43
 *
 * A key that is missing in the key set is such an error: the copy of the set can be older than the key.
 */
export function refusalOf(error: unknown): SetRefusal | undefined {
  const { code, claim } = Object(error) as { readonly code?: unknown; readonly claim?: unknown }
  if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED') {
    return claimRefusals.get(claim) ?? { err: 'invalid_request', description: 'a claim of the SET is invalid' }
  }
  return refusals.get(code)
}

const unsupported: SetRefusal = {
  err: 'invalid_key',
  description: 'the SET is signed with an algorithm that is not accepted here',
}
const malformed: SetRefusal = { err: 'invalid_request', description: 'the request is not a signed SET' }

const refusals: ReadonlyMap<unknown, SetRefusal> = new Map([
  ['ERR_JWS_INVALID', malformed],
  ['ERR_JWT_INVALID', malformed],
  ['ERR_JOSE_NOT_SUPPORTED', malformed],
  ['ERR_JWT_EXPIRED', malformed],
  ['ERR_JOSE_ALG_NOT_ALLOWED', unsupported],
  [
    'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    { err: 'invalid_key', description: 'the signature of the SET is not by a key of the issuer' },
  ],
])

const claimRefusals: ReadonlyMap<unknown, SetRefusal> = new Map([
  ['iss', { err: 'invalid_issuer', description: 'the issuer of the SET is not accepted here' }],
  ['aud', { err: 'invalid_audience', description: 'the SET is for another audience' }],
  ['typ', { err: 'invalid_request', description: 'the type of the SET must be `secevent+jwt`' }],
])
