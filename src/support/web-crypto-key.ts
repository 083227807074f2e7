/**
 * A key of WebCrypto. The type is read off the global `crypto`, which browsers and Node both declare; the name
 * `CryptoKey` is declared by browsers alone, and a project for Node would not compile with it.
 */
export type WebCryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** Both halves of a key of WebCrypto: a `CryptoKeyPair`. */
export interface WebCryptoKeyPair {
  readonly privateKey: WebCryptoKey
  readonly publicKey: WebCryptoKey
}
