// node only: uses node:os and process.nextTick
/**
 * `procura/pool`: verifies signatures on worker threads, for services with more calls than one processor can decide.
 * The verdicts are the same as with every other back end.
 *
 * ```ts
 * const pool = await createVerificationPool({ backend: { sodium: import.meta.resolve('sodium-native') } })
 * const authorizer = createAuthorizer({ audience, subjects, commands, revocations, replay, backend: pool })
 * const decisions = await authorizeMany(authorizer, containers, { concurrency: 256 })
 * ```
 *
 * It is for libsodium and the portable back end, which have no threads of their own. The back end of Node uses the
 * thread pool of the host; it needs this one only when files, name look-ups or compression keep that pool busy. Runs on
 * Node, Bun and Deno.
 *
 * @module
 */

import { availableParallelism } from 'node:os'
import type { ThreadError } from '../../../errors.ts'
import {
  anything,
  callback,
  integerFrom,
  longestMs,
  type OptionCheck,
  readOptions,
  withDefault,
} from '../../../support/options.ts'
import { isPromiseLike } from '../../../support/promise.ts'
import type { PublicKey } from '../../did/public-key.ts'
import type { CryptoBackend, PreparedKey } from '../backend/backend.ts'
import { signatureLength } from '../signature.ts'
import { type BackendChoice, chooseBackend } from './choose-backend.ts'
import { createDispatcher } from './dispatcher.ts'
import { startThread } from './verification-thread.ts'

export { ThreadError } from '../../../errors.ts'
export type { BackendChoice } from './choose-backend.ts'

/** Options of {@link createVerificationPool}. */
export interface VerificationPoolOptions {
  /** The number of threads, from 1 to 256. Default: the number of processors that this process can use. */
  readonly threads?: number
  /** The back end that verifies, on the threads and on the calling thread. Default `node`. */
  readonly backend?: BackendChoice
  /**
   * Most signatures per thread that wait or are being verified. Further ones are verified on the calling thread, so a
   * caller with too many signatures is slowed down and no queue grows. Default 256.
   */
  readonly maxPending?: number
  /**
   * Most milliseconds from one answer of a thread to the next; a thread that takes longer is terminated. Default
   * 10,000, a hundred times the time that the slowest back end needs.
   */
  readonly answerTimeoutMs?: number
  /** Most replacements of failed threads, in the life of the pool. Default 10. */
  readonly maxRestarts?: number
  /** Receives the error of each thread that failed. Its pending signatures are verified on the calling thread. */
  readonly onError?: (error: ThreadError) => void
  /**
   * URL of the program of the threads, for a bundled application that builds `procura/pool/thread` as a file of its
   * own. Default: the file of this package.
   */
  readonly script?: string | URL
}

/** A back end with threads, for the option `backend` of an authorizer. */
export interface VerificationPool extends CryptoBackend {
  /** The number of threads that answer now. */
  readonly threads: number
  /**
   * Waits for the pending signatures, then ends the threads. The calling thread verifies all later signatures, and
   * those that arrive in between.
   */
  close(): Promise<void>
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** A key as the calling thread uses it, and its name for the other threads. */
interface PoolKey {
  readonly local: PreparedKey
  readonly name: Uint8Array
}

/**
 * Starts threads, and resolves when each of them has passed a test. A single call is verified on the calling thread;
 * concurrent calls, and those of `authorizeMany`, go to the threads. The process can end while the pool is open.
 *
 * @throws ArgumentError when an option is invalid, or `sodium` is not the URL of `sodium-native`.
 * @throws ThreadError when a thread cannot be started or gives wrong verdicts.
 */
export async function createVerificationPool(options: VerificationPoolOptions = {}): Promise<VerificationPool> {
  const { threads, maxPending, maxRestarts, onError, ...start } = poolOptions(options)
  const backend = await chooseBackend(start.backend)
  const dispatcher = createDispatcher({
    threads,
    maxPending: threads * maxPending,
    maxRestarts,
    startThread: () => startThread(start),
    onError,
  })
  await dispatcher.start()
  const close = () => dispatcher.close()
  return Object.freeze({
    name: `${backend.name}, threads`,
    ...(backend.sha256Key !== undefined && { sha256Key: backend.sha256Key }),
    ...(backend.sha256Base64url !== undefined && { sha256Base64url: backend.sha256Base64url }),
    sha256: (bytes: Uint8Array) => backend.sha256(bytes),
    prepareKey: (key: PublicKey) => {
      const name = new TextEncoder().encode(key.did)
      const local = backend.prepareKey(key)
      return isPromiseLike(local) ? Promise.resolve(local).then((local) => poolKey(local, name)) : poolKey(local, name)
    },
    verify: (key: PreparedKey, signature: Uint8Array, message: Uint8Array) =>
      backend.verify((key as unknown as PoolKey).local, signature, message),
    // SIG-11: `verifySignatureAsync` has made all other checks.
    verifyAsync: (key: PreparedKey, signature: Uint8Array, message: Uint8Array) => {
      const { local, name } = key as unknown as PoolKey
      if (signature.length !== signatureLength) return Promise.resolve(backend.verify(local, signature, message))
      // The caller may change its bytes while they wait, so they are copied; `slice` of a Buffer would not copy.
      const question = { key: name, signature: new Uint8Array(signature), message: new Uint8Array(message) }
      return dispatcher.ask(question, () => backend.verify(local, question.signature, question.message))
    },
    nextTurn: (callback: () => void) => {
      setImmediate(callback)
    },
    nextCallback: (callback: () => void) => {
      process.nextTick(callback)
    },
    get threads() {
      return dispatcher.threads
    },
    close,
    [Symbol.asyncDispose]: close,
  })
}

const scriptCheck: OptionCheck = (value) => (URL.canParse(value as string) ? undefined : 'must be a URL')

function poolOptions(options: VerificationPoolOptions) {
  const read = readOptions('createVerificationPool', options, {
    threads: withDefault(integerFrom(1, 256), availableParallelism()),
    backend: withDefault(anything, 'node'),
    maxPending: withDefault(integerFrom(1, 65_536), 256),
    answerTimeoutMs: withDefault(integerFrom(1, longestMs), 10_000),
    maxRestarts: withDefault(integerFrom(0), 10),
    onError: withDefault(callback, () => undefined),
    script: withDefault(scriptCheck, './pool/thread.js'),
  })
  return { ...read, script: new URL(read.script, import.meta.url) }
}

function poolKey(local: PreparedKey, name: Uint8Array): PreparedKey {
  return { local, name } satisfies PoolKey as unknown as PreparedKey
}
