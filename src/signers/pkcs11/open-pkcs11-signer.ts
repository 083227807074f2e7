// node only: uses node:worker_threads
/**
 * Signers whose key is in a token of PKCS#11: a hardware module, a smart card, or a service with such a module.
 *
 * @module
 */

import type { Did } from '../../core/did/did.ts'
import { parseDidKey } from '../../core/did/did-key.ts'
import { didOption } from '../../core/did/did-option.ts'
import { remoteSigner } from '../../core/principal/remote-signer.ts'
import type { Signer } from '../../core/principal/signer.ts'
import { ArgumentError, SigningError, VaultError } from '../../errors.ts'
import { sha256Bytes } from '../../support/digest.ts'
import { createMutex } from '../../support/mutex.ts'
import {
  byteArray,
  callback,
  didString,
  maybe,
  milliseconds,
  nonEmptyString,
  type OptionCheck,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import { secretFromCaller } from '../../vault/release/failure.ts'
import type { SecretValue } from '../../vault/secret.ts'
import { isLostSession, isRefusedPin, moduleError } from './failures.ts'
import type { ModuleAnswer, ModuleRequest } from './messages.ts'
import { startModuleThread } from './module-thread.ts'

/** Options of {@link openPkcs11Signer}. */
export interface Pkcs11SignerOptions {
  /** The URL of the package `pkcs11js`, which the program installs: `import.meta.resolve('pkcs11js')`. */
  readonly pkcs11js: string | URL
  /** The path of the PKCS#11 module, such as `/usr/lib/softhsm/libsofthsm2.so`. */
  readonly module: string
  /** The label of the token. */
  readonly token: string
  /** The label of the key (`CKA_LABEL`). Either this or `id` is required. */
  readonly label?: string
  /** The id of the key (`CKA_ID`). */
  readonly id?: Uint8Array
  /**
   * Returns the PIN of the token. It is called when a session is opened, and for each signature if the key requires it.
   * The PIN is not kept.
   */
  readonly pin: () => SecretValue | Promise<SecretValue>
  /**
   * The DID that the key signs for. Default: its `did:key`. A `did:key` is required where the token does not have the
   * public key.
   */
  readonly did?: Did
  /** Milliseconds within which the module must return from a request. Default 30,000. */
  readonly timeoutMs?: number
  /**
   * The URL of the program of the thread, for a bundled application that builds `procura/signer/pkcs11-thread` as a
   * file of its own. Default: the file of this package.
   */
  readonly script?: string | URL
}

/** A key in a token. */
export interface Pkcs11Signer {
  readonly signer: Signer
  /** Closes the session, and ends the thread of the module. The signer signs nothing afterwards. */
  close(): Promise<void>
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Opens a session with a token of PKCS#11, and makes a signer of a key in it: Ed25519 (`CKM_EDDSA`) or P-256
 * (`CKM_ECDSA`). The module runs on a thread of its own, so that a slow device does not stop the event loop. A session
 * that was lost is opened again once, with the PIN from the callback. After the token refused a PIN, no PIN is sent any
 * more: tokens lock themselves after a few.
 *
 * @throws ArgumentError when an option is invalid; SigningError when the package, the module, the token or the key is
 *   missing, when the token refuses the PIN, and when the module does not return in time.
 *
 * @example
 * ```ts
 * import { openPkcs11Signer } from 'procura/signer/pkcs11'
 *
 * const { signer, close } = await openPkcs11Signer({
 *   pkcs11js: import.meta.resolve('pkcs11js'),
 *   module: '/usr/lib/softhsm/libsofthsm2.so',
 *   token: 'production',
 *   label: 'mail-owner',
 *   pin: () => process.env['TOKEN_PIN'] ?? '',
 * })
 * ```
 */
export async function openPkcs11Signer(options: Pkcs11SignerOptions): Promise<Pkcs11Signer> {
  const of = 'openPkcs11Signer'
  const given = readOptions(of, options, optionChecks)
  const { label, pin, timeoutMs, token } = given
  const id = given.id === undefined ? undefined : Uint8Array.from(given.id)
  if (label === undefined && id === undefined) throw new ArgumentError(`${of}: \`label\` or \`id\` is required`)
  const did = given.did === undefined ? undefined : didOption('did', given.did)
  const thread = startModuleThread({
    script: new URL(given.script, import.meta.url),
    timeoutMs,
    procuraPkcs11: { library: String(given.pkcs11js), module: given.module },
  })
  const session = createSession({
    ask: (request) => thread.ask(request),
    pin: () => pin.call(options),
    place: { token, label, id, did: did?.startsWith('did:key:') ? did : undefined },
  })
  try {
    const key = parseDidKey(await session.open())
    const signer = remoteSigner({
      did: did ?? key.did,
      key,
      sign: async (bytes) => session.sign(key.algorithm === 'Ed25519' ? bytes : await sha256Bytes(bytes)),
    })
    const close = async (): Promise<void> => {
      await session.close()
      await thread.stop()
    }
    return Object.freeze({ signer, close, [Symbol.asyncDispose]: close })
  } catch (error) {
    await thread.stop()
    throw error
  }
}

const urlCheck: OptionCheck = (value) => (URL.canParse(value as string) ? undefined : 'must be a URL')

const optionChecks = Object.freeze({
  pkcs11js: urlCheck,
  module: nonEmptyString,
  token: nonEmptyString,
  label: maybe(nonEmptyString),
  id: maybe(byteArray),
  pin: callback,
  did: maybe(didString),
  timeoutMs: withDefault(milliseconds, 30_000),
  script: withDefault(urlCheck, './pkcs11-thread.js'),
})

/** A session that is opened again when it was lost. */
interface Session {
  /** Returns the `did:key` of the key. */
  open(): Promise<Did>
  sign(data: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
}

interface SessionParts {
  readonly ask: (request: ModuleRequest) => Promise<ModuleAnswer>
  readonly pin: () => SecretValue | Promise<SecretValue>
  readonly place: Omit<ModuleRequest & { readonly kind: 'open' }, 'kind' | 'pin'>
}

function createSession({ ask, pin, place }: SessionParts): Session {
  const mutex = createMutex()
  let alwaysAuthenticate = false
  let first: Did | undefined
  let refusedPin = false
  let isClosed = false

  /** Asks with a PIN. The answer shows whether the token refused it. */
  async function askWithPin(request: (pin: string) => ModuleRequest): Promise<ModuleAnswer> {
    // SIG-22
    if (refusedPin)
      throw new SigningError(
        'the token refused the PIN before, and may lock itself; make a new signer with the right PIN',
      )
    const secret = await secretFromCaller('the callback `pin`', pin, undefined).catch((cause: unknown) => {
      throw cause instanceof VaultError ? new SigningError(cause.message, { cause }) : cause
    })
    const answer = await ask(request(secret.reveal())).finally(() => secret.dispose())
    refusedPin = 'failure' in answer && isRefusedPin(answer.failure)
    return answer
  }

  async function open(): Promise<Did> {
    const answer = await askWithPin((pin) => ({ kind: 'open', ...place, pin }))
    if ('failure' in answer) throw moduleError(answer.failure)
    if (!('did' in answer)) throw new SigningError('the thread of the PKCS#11 module returned another answer')
    first ??= answer.did
    // Another token with the same labels signs nothing, not even a signature that is then refused.
    if (answer.did !== first) {
      await ask({ kind: 'close' })
      throw new SigningError('the token has another key of this label or id now; make a new signer')
    }
    alwaysAuthenticate = answer.alwaysAuthenticate
    return first
  }

  const trySign = (data: Uint8Array): Promise<ModuleAnswer> =>
    alwaysAuthenticate
      ? askWithPin((pin) => ({ kind: 'sign', data, pin }))
      : ask({ kind: 'sign', data, pin: undefined })

  return {
    open,
    sign: (data) =>
      mutex(async () => {
        if (isClosed) throw new SigningError('the signer of the PKCS#11 token is closed; open a new one')
        let answer = await trySign(data)
        if ('failure' in answer && isLostSession(answer.failure)) {
          await open()
          answer = await trySign(data)
        }
        if ('failure' in answer) throw moduleError(answer.failure)
        if (!('signature' in answer)) throw new SigningError('the thread of the PKCS#11 module returned another answer')
        return answer.signature
      }),
    close: async () => {
      isClosed = true
      await mutex(() => ask({ kind: 'close' })).catch(() => undefined)
    },
  }
}
