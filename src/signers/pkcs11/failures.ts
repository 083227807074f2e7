/**
 * Failures of a PKCS#11 module, in words.
 *
 * @module
 */

import { SigningError } from '../../errors.ts'
import type { ModuleFailure } from './messages.ts'

/** Whether a new session can succeed where this one failed. */
export function isLostSession({ result }: ModuleFailure): boolean {
  return result !== undefined && lostSession.has(result)
}

/** Whether the token refused the PIN. */
export function isRefusedPin({ result }: ModuleFailure): boolean {
  return result !== undefined && result >= 0xa0 && result <= 0xa4
}

/** Makes the error of a failure. */
export function moduleError(failure: ModuleFailure): SigningError {
  if (failure.fault !== 'result') return new SigningError(faults[failure.fault])
  const { name, result } = failure
  const shown = name ?? (result === undefined ? 'unknown error' : `result 0x${result.toString(16)}`)
  if (isRefusedPin(failure))
    return new SigningError(`the token refused the PIN (${shown}); make a new signer with the right PIN`)
  return new SigningError(`the PKCS#11 module failed (${shown}); check the token and its module`)
}

const faults: Readonly<Record<Exclude<ModuleFailure['fault'], 'result'>, string>> = Object.freeze({
  package: '`pkcs11js` must be the URL of the package pkcs11js; install it, and pass import.meta.resolve("pkcs11js")',
  module: 'the PKCS#11 module could not be loaded; check the path in `module`',
  'no-token': 'there is no token with the label `token`; check the label and the slots of the module',
  tokens: 'several tokens have the label `token`; give each token a label of its own',
  'no-key': 'the token does not have the private key; check `label` and `id`',
  keys: 'several private keys of the token match; pass both `label` and `id`',
  'no-public-key': 'the token does not have the public key; store it there, or pass the did:key of the key as `did`',
  curve: 'the key is invalid or of another curve; use an Ed25519 key or a P-256 key',
})

/**
 * `DEVICE_ERROR`, `DEVICE_REMOVED`, `KEY_HANDLE_INVALID`, `OBJECT_HANDLE_INVALID`, `OPERATION_ACTIVE`,
 * `OPERATION_NOT_INITIALIZED`, `SESSION_CLOSED`, `SESSION_HANDLE_INVALID`, `TOKEN_NOT_PRESENT`, `TOKEN_NOT_RECOGNIZED`,
 * `USER_NOT_LOGGED_IN` and `CRYPTOKI_NOT_INITIALIZED`. A signature that failed half-way stays active in its session,
 * and every later one fails then.
 */
const lostSession: ReadonlySet<number> = new Set([
  0x30, 0x32, 0x60, 0x82, 0x90, 0x91, 0xb0, 0xb3, 0xe0, 0xe1, 0x101, 0x190,
])
