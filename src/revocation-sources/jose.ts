import { anything, nonEmptyArrayOf, type OptionChecks } from '../support/options.ts'

/**
 * The part of the package `jose` that is used, by its shape. Its users pass the module.
 *
 * @module
 */

/** The result of {@link JoseVerifier.jwtVerify}. */
export interface VerifiedJwt {
  readonly payload: Readonly<Record<string, unknown>>
}

/** `import * as jose from 'jose'` has this shape. */
export interface JoseVerifier {
  // Keys have many types, which only the caller and `jose` know. A method, and not a property, accepts their functions.
  jwtVerify(
    jwt: string,
    key: never,
    options: {
      readonly algorithms: string[]
      readonly typ: string
      readonly currentDate: Date
      readonly issuer?: string
      readonly audience?: string
    },
  ): Promise<VerifiedJwt>
}

/** A token of `jose` before it is signed. */
export interface UnsignedJwt {
  setProtectedHeader(header: { readonly alg: string; readonly typ: string; readonly kid?: string }): UnsignedJwt
  sign(key: never): Promise<string>
}

/** `import * as jose from 'jose'` has this shape. */
export interface JoseSigner {
  readonly SignJWT: new (payload: Record<string, unknown>) => UnsignedJwt
}

/** The checks of the options by which a token of `jose` is verified. */
export const verifierChecks: OptionChecks<{
  readonly jose: JoseVerifier
  readonly key: unknown
  readonly algorithms: readonly string[]
}> = Object.freeze({
  jose: (value) =>
    typeof Object(value).jwtVerify === 'function' ? undefined : 'must be the module `jose`, with its `jwtVerify`',
  key: (value) => (value === undefined ? 'must be a public key' : anything(value)),
  algorithms: nonEmptyArrayOf(publicKeyAlgorithm),
})

/** Without symmetric algorithms: with one, everybody who can verify a token can make one. */
function publicKeyAlgorithm(value: unknown): string | undefined {
  return typeof value === 'string' &&
    /^(?:ES(?:256|384|512)|(?:RS|PS)(?:256|384|512)|EdDSA|Ed25519|ML-DSA-(?:44|65|87))$/.test(value)
    ? undefined
    : 'must be an algorithm with public keys, such as `ES256`'
}
