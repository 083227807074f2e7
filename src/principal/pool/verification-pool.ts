// node only: uses node:worker_threads
/**
 * `procura/pool`: signatures verified on threads of their own, for services that decide about more calls than one
 * processor can. The verdicts are those of every other back end.
 *
 * ```ts
 * const pool = await createVerificationPool({ backend: { sodium: import.meta.resolve('sodium-native') } })
 * const authorizer = createAuthorizer({ audience, subjects, commands, revocations, replay, backend: pool })
 * const decisions = await authorizer.authorizeMany(containers, { concurrency: 256 })
 * ```
 *
 * It is for libsodium and the portable back end, which have no threads otherwise. The back end of Node has those of the
 * host, and is better off with them unless files, name look-ups or compression keep them busy. Runs on Node, Bun and Deno.
 *
 * @module
 */

import { availableParallelism } from 'node:os'
import type { PublicKey } from '../../did/public-key.ts'
import type { ThreadError } from '../../errors.ts'
import {
  anything,
  callback,
  integerFrom,
  longestMs,
  maybe,
  type OptionChecks,
  readOptions,
} from '../../support/options.ts'
import type { CryptoBackend, PreparedKey } from '../backend/backend.ts'
import { signatureLength } from '../signature.ts'
import { type BackendChoice, chooseBackend } from './choose-backend.ts'
import { createDispatcher } from './dispatcher.ts'
import { startThread } from './verification-thread.ts'

export { ThreadError } from '../../errors.ts'
export type { BackendChoice } from './choose-backend.ts'

/** Options of {@link createVerificationPool}. */
export interface VerificationPoolOptions {
  /** How many threads, from 1 to 256. Default: as many as there are processors for this process. */
  readonly threads?: number
  /** What verifies, on the threads and on the calling one. Default `node`. */
  readonly backend?: BackendChoice
  /**
   * Most signatures, for each thread, that wait for it or are with it. What comes beyond is verified on the calling
   * thread, so that whoever asks too much waits, and nothing piles up. Default 256.
   */
  readonly maxPending?: number
  /**
   * Most milliseconds that a thread may take from one answer to the next; one that takes longer is ended. Default 10,000,
   * a hundred times what the slowest back end needs.
   */
  readonly answerTimeoutMs?: number
  /** How often a thread that ended is replaced, in the life of the pool. Default 10. */
  readonly maxRestarts?: number
  /** Told of each thread that ended without being asked to. What it had not answered is verified on the calling thread. */
  readonly onError?: (error: ThreadError) => void
  /**
   * Where the program of the threads is: for those who bundle, and make a file of their own of `procura/pool/thread`.
   * Default: where this package has it.
   */
  readonly script?: string | URL
}

/** A back end with threads, for the option `backend` of an authorizer. */
export interface VerificationPool extends CryptoBackend {
  /** How many threads answer now. */
  readonly threads: number
  /**
   * Waits for what the threads are at, and ends them. What is asked later, or meanwhile, is verified on the calling
   * thread.
   */
  close(): Promise<void>
  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** A key for the calling thread, and its name for the others. */
interface PoolKey {
  readonly local: PreparedKey
  readonly name: Uint8Array
}

/**
 * Starts threads, and resolves when each of them has shown that it verifies. A call that is alone is verified in its
 * turn; others that come with it, and those of `authorizeMany`, go to the threads. The process can end while the pool is
 * open.
 *
 * @throws ArgumentError when an option makes no sense, or the package of `sodium` is another one; ThreadError when a
 * thread cannot be started or verifies wrongly.
 */
export async function createVerificationPool(options: VerificationPoolOptions = {}): Promise<VerificationPool> {
  const { threads, maxPending, maxRestarts, onError, ...start } = complete(options)
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
    ...(backend.checksPoints !== undefined && { checksPoints: backend.checksPoints }),
    ...(backend.sha256Key !== undefined && { sha256Key: backend.sha256Key }),
    sha256: (bytes: Uint8Array) => backend.sha256(bytes),
    prepareKey: (key: PublicKey) => {
      const name = new TextEncoder().encode(key.did)
      const local = backend.prepareKey(key)
      return local instanceof Promise ? local.then((local) => poolKey(local, name)) : poolKey(local, name)
    },
    verify: (key: PreparedKey, signature: Uint8Array, message: Uint8Array) =>
      backend.verify((key as unknown as PoolKey).local, signature, message),
    // SIG-11: `verifySignatureAsync` has asked everything else
    verifyAsync: async (key: PreparedKey, signature: Uint8Array, message: Uint8Array) => {
      const { local, name } = key as unknown as PoolKey
      if (signature.length !== signatureLength) return backend.verify(local, signature, message)
      // What is verified is what was asked, whatever becomes of the bytes; a `slice` of a Buffer would be no copy.
      const question = { key: name, signature: new Uint8Array(signature), message: new Uint8Array(message) }
      return dispatcher.ask(question, () => backend.verify(local, question.signature, question.message))
    },
    nextTurn: (callback: () => void) => {
      setImmediate(callback)
    },
    get threads() {
      return dispatcher.threads
    },
    close,
    [Symbol.asyncDispose]: close,
  })
}

const optionChecks: OptionChecks<VerificationPoolOptions> = Object.freeze({
  threads: maybe(integerFrom(1, 256)),
  backend: anything,
  maxPending: maybe(integerFrom(1, 65_536)),
  answerTimeoutMs: maybe(integerFrom(1, longestMs)),
  maxRestarts: maybe(integerFrom(0)),
  onError: maybe(callback),
  script: maybe((value) => (URL.canParse(value as string) ? undefined : 'must be a URL')),
})

function complete(options: VerificationPoolOptions) {
  const { script, ...given } = readOptions('createVerificationPool', options, optionChecks)
  return {
    threads: availableParallelism(),
    backend: 'node' as const,
    maxPending: 256,
    maxRestarts: 10,
    answerTimeoutMs: 10_000,
    onError: () => undefined,
    ...given,
    script: new URL(script ?? './pool/thread.js', import.meta.url),
  }
}

function poolKey(local: PreparedKey, name: Uint8Array): PreparedKey {
  return { local, name } satisfies PoolKey as unknown as PreparedKey
}
