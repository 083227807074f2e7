/**
 * A key of WebCrypto. The type is derived from the global `crypto`, which browsers and Node both declare. Only browsers
 * declare the name `CryptoKey`, so a project for Node would not compile with it.
 */
export type WebCryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** A key pair of WebCrypto: a `CryptoKeyPair`. */
export interface WebCryptoKeyPair {
  readonly privateKey: WebCryptoKey
  readonly publicKey: WebCryptoKey
}
