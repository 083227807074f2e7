/** The minimum length in bytes of a nonce that makes a token unique (UCAN Delegation 1.0.0, "Nonce"). */
export const minimumNonceBytes = 12
