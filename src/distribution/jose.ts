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
