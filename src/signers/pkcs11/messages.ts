/**
 * Messages between a signer and the thread of its PKCS#11 module.
 *
 * @module
 */

import type { Did } from '../../core/did/did.ts'

/** Why a key cannot be used, besides the results of the module. */
export type TokenFault = 'no-token' | 'tokens' | 'no-key' | 'keys' | 'no-public-key' | 'curve'

/** A request to the thread. */
export type ModuleRequest =
  | {
      readonly kind: 'open'
      /** The label of the token. */
      readonly token: string
      readonly label: string | undefined
      readonly id: Uint8Array | undefined
      /** The `did:key` of the key, if it is known. Otherwise the token must have its public key. */
      readonly did: Did | undefined
      readonly pin: string
    }
  | { readonly kind: 'sign'; readonly data: Uint8Array; readonly pin: string | undefined }
  | { readonly kind: 'close' }

/** A request with its number. */
export type NumberedRequest = ModuleRequest & { readonly number: number }

/** The answer to the request of the same number. */
export type ModuleAnswer = { readonly number: number } & (
  | { readonly did: Did; readonly alwaysAuthenticate: boolean }
  | { readonly signature: Uint8Array }
  | { readonly closed: true }
  | { readonly failure: ModuleFailure }
)

/** A failure, without the text of the module. */
export interface ModuleFailure {
  readonly fault: TokenFault | 'package' | 'module' | 'result'
  /** The result of the module, for `result`. */
  readonly result?: number
  /** Its name, such as `CKR_PIN_INCORRECT`. */
  readonly name?: string
}

/** The `workerData` of a thread. */
export interface ModuleThreadData {
  readonly procuraPkcs11: {
    /** The URL of the package `pkcs11js`. */
    readonly library: string
    /** The path of the module. */
    readonly module: string
  }
}
