/**
 * The part of the package `pkcs11js` that signing uses, and the constants of PKCS#11 3.0.
 *
 * @module
 */

/** Handles of slots, sessions and objects. */
export type Handle = unknown

/** An attribute with its value. */
export interface Attribute {
  readonly type: number
  readonly value?: number | boolean | string | Uint8Array
}

/** A loaded PKCS#11 module. Every method waits for the module, which may be a device or a server. */
export interface ModuleLibrary {
  load(path: string): void
  C_Initialize(options: { readonly flags: number }): void
  C_GetSlotList(tokenPresent: boolean): readonly Handle[]
  C_GetTokenInfo(slot: Handle): { readonly label: string }
  C_OpenSession(slot: Handle, flags: number): Handle
  C_CloseSession(session: Handle): void
  C_Login(session: Handle, user: number, pin: string): void
  C_FindObjectsInit(session: Handle, template: Attribute[]): void
  C_FindObjects(session: Handle, max: number): readonly Handle[]
  C_FindObjectsFinal(session: Handle): void
  C_GetAttributeValue(session: Handle, object: Handle, template: Attribute[]): readonly { readonly value: Uint8Array }[]
  C_SignInit(session: Handle, mechanism: { readonly mechanism: number; readonly parameter: null }, key: Handle): void
  C_Sign(session: Handle, data: Uint8Array, output: Uint8Array): Uint8Array
}

type CkiName =
  | 'osLockingOk'
  | 'serialSession'
  | 'user'
  | 'contextSpecific'
  | 'publicKey'
  | 'privateKey'
  | 'class'
  | 'label'
  | 'keyType'
  | 'id'
  | 'ecParams'
  | 'ecPoint'
  | 'alwaysAuthenticate'
  | 'ec'
  | 'ecEdwards'
  | 'ecdsa'
  | 'eddsa'
  | 'userAlreadyLoggedIn'
  | 'alreadyInitialized'

/** Constants of PKCS#11, by their names in camel case. */
export const cki: Readonly<Record<CkiName, number>> = Object.freeze({
  osLockingOk: 2,
  serialSession: 4,
  user: 1,
  contextSpecific: 2,
  publicKey: 2,
  privateKey: 3,
  /** Attributes. */
  class: 0x0,
  label: 0x3,
  keyType: 0x100,
  id: 0x102,
  ecParams: 0x180,
  ecPoint: 0x181,
  alwaysAuthenticate: 0x202,
  /** Kinds of keys. */
  ec: 0x3,
  ecEdwards: 0x40,
  /** Mechanisms. */
  ecdsa: 0x1041,
  eddsa: 0x1057,
  /** Results. */
  userAlreadyLoggedIn: 0x100,
  alreadyInitialized: 0x191,
})
