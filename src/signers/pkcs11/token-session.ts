// node only: uses node:buffer
/**
 * A session with a token of PKCS#11: finds a key and signs with it. Every call waits for the module.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { parseDidKey } from '../../core/did/did-key.ts'
import type { PublicKey } from '../../core/did/public-key.ts'
import type { ModuleRequest, TokenFault } from './messages.ts'
import { type Attribute, cki, type Handle, type ModuleLibrary } from './module-library.ts'
import { keyOfPoint } from './point.ts'

/** A session in which a key was found. */
export interface TokenSession {
  readonly key: PublicKey
  /** Whether the token requires the PIN for each signature. */
  readonly alwaysAuthenticate: boolean
  /** Signs the bytes of Ed25519, or the digest of ECDSA. */
  sign(data: Uint8Array, pin: string | undefined): Uint8Array
  close(): void
}

/** The token or the key cannot be used. Errors of the module itself are those of `pkcs11js`. */
export class TokenError extends Error {
  readonly fault: TokenFault

  /** @param fault - the fault, for the message of the signer. */
  constructor(fault: TokenFault) {
    super(fault)
    this.fault = fault
  }
}

/**
 * Opens a session, logs in, and finds the key.
 *
 * @throws TokenError when the token or the key is missing or ambiguous; the errors of the module.
 */
export function openSession(module: ModuleLibrary, request: ModuleRequest & { readonly kind: 'open' }): TokenSession {
  ignoring(cki.alreadyInitialized, () => module.C_Initialize({ flags: cki.osLockingOk }))
  const slots = module.C_GetSlotList(true).filter((slot) => labelOf(module, slot) === request.token)
  if (slots.length !== 1) throw new TokenError(slots.length === 0 ? 'no-token' : 'tokens')
  const session = module.C_OpenSession(slots[0], cki.serialSession)
  try {
    // A token has one login for all sessions of a process.
    ignoring(cki.userAlreadyLoggedIn, () => module.C_Login(session, cki.user, request.pin))
    return findKey(module, session, request)
  } catch (error) {
    quietlyClose(module, session)
    throw error
  }
}

function findKey(
  module: ModuleLibrary,
  session: Handle,
  { label, id, did }: ModuleRequest & { readonly kind: 'open' },
): TokenSession {
  const named: Attribute[] = []
  if (label !== undefined) named.push({ type: cki.label, value: label })
  if (id !== undefined) named.push({ type: cki.id, value: Buffer.from(id) })
  const found = find(module, session, [{ type: cki.class, value: cki.privateKey }, ...named])
  if (found.length !== 1) throw new TokenError(found.length === 0 ? 'no-key' : 'keys')
  const [privateKey] = found
  const key = did === undefined ? publicPart(module, session, privateKey, named) : parseDidKey(did)
  const mechanism = { mechanism: key.algorithm === 'Ed25519' ? cki.eddsa : cki.ecdsa, parameter: null }
  const alwaysAuthenticate = attribute(module, session, privateKey, cki.alwaysAuthenticate)?.[0] === 1
  return {
    key,
    alwaysAuthenticate,
    sign: (data, pin) => {
      module.C_SignInit(session, mechanism, privateKey)
      if (pin !== undefined) module.C_Login(session, cki.contextSpecific, pin)
      return Uint8Array.from(module.C_Sign(session, Buffer.from(data), Buffer.alloc(128)))
    },
    close: () => quietlyClose(module, session),
  }
}

/** The public key has the same id as the private key, or the same label where there is no id. */
function publicPart(
  module: ModuleLibrary,
  session: Handle,
  privateKey: Handle,
  named: readonly Attribute[],
): PublicKey {
  const id = attribute(module, session, privateKey, cki.id)
  const same = id === undefined || id.length === 0 ? named : [{ type: cki.id, value: Buffer.from(id) }]
  const [object = privateKey] = find(module, session, [{ type: cki.class, value: cki.publicKey }, ...same])
  const point = attribute(module, session, object, cki.ecPoint)
  if (point === undefined || point.length === 0) throw new TokenError('no-public-key')
  const params = attribute(module, session, object, cki.ecParams)
  const key = params && keyOfPoint(params, point)
  if (key === undefined) throw new TokenError('curve')
  return key
}

function find(module: ModuleLibrary, session: Handle, template: Attribute[]): readonly Handle[] {
  module.C_FindObjectsInit(session, template)
  try {
    return module.C_FindObjects(session, 2)
  } finally {
    module.C_FindObjectsFinal(session)
  }
}

/** Modules refuse to return an attribute that an object does not have. */
function attribute(module: ModuleLibrary, session: Handle, object: Handle, type: number): Uint8Array | undefined {
  try {
    return module.C_GetAttributeValue(session, object, [{ type }])[0]?.value
  } catch {
    return undefined
  }
}

function labelOf(module: ModuleLibrary, slot: Handle): string | undefined {
  try {
    return module.C_GetTokenInfo(slot).label.trimEnd()
  } catch {
    // A token that was taken out since the list was made.
    return undefined
  }
}

function ignoring(result: number, call: () => void): void {
  try {
    call()
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== result) throw error
  }
}

function quietlyClose(module: ModuleLibrary, session: Handle): void {
  try {
    module.C_CloseSession(session)
  } catch {
    // The session had ended.
  }
}
