// node only: uses node:worker_threads
/**
 * `procura/pool/thread`: the program of the threads of `procura/pool`. It reads batches, verifies each signature by the
 * bare equation, and answers. Nothing else of a token comes here, and nothing is decided here.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { readDidKey } from '../../did/did-key.ts'
import { createBoundedMap } from '../../support/bounded-map.ts'
import type { CryptoBackend, PreparedKey } from '../backend/backend.ts'
import { type Answer, decodeBatch, encodeAnswers, type Question } from './batch.ts'
import { type BackendChoice, chooseBackend } from './choose-backend.ts'

/** What a thread is given when it is started. */
export interface ThreadData {
  /** Which back end it loads. */
  readonly procuraPool: BackendChoice
}

/** Most keys that a thread keeps at hand. */
const maxKeys = 10_000

/**
 * Answers the batches of the thread that loads this. In a thread of another kind it leaves the messages alone.
 */
export function answerBatches(): void {
  if (parentPort !== null && isThreadData(workerData)) serve(parentPort, chooseBackend(workerData.procuraPool))
}

function serve(port: MessagePort, loading: Promise<CryptoBackend>): void {
  const answer = loading.then(createAnswerer)
  // Not a rejection, which a setting of the host can make a warning: the thread has to end.
  const end = (error: unknown) => queueMicrotask(() => raise(error))
  answer.catch(end)
  // One after another: batches are answered in the order in which they came.
  let last: Promise<void> = Promise.resolve()
  port.on('message', (bytes: Uint8Array) => {
    last = Promise.all([answer, last]).then(async ([answer]) => port.postMessage(await answer(bytes)))
    last.catch(end)
  })
}

function createAnswerer(backend: CryptoBackend): (batch: Uint8Array) => Promise<Uint8Array> {
  const keys = createBoundedMap<PreparedKey>(maxKeys)

  async function answer({ key, signature, message }: Question): Promise<Answer> {
    const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
    let prepared = keys.get(name)
    if (prepared === undefined) {
      prepared = await backend.prepareKey(readDidKey(name))
      keys.set(name, prepared)
    }
    return backend.verify(prepared, signature, message)
  }

  return async (bytes) => {
    const { id, questions } = decodeBatch(bytes)
    // All at once, for back ends that wait for the host's digest.
    return encodeAnswers(id, await Promise.all(questions.map((question) => answer(question).catch(() => undefined))))
  }
}

function raise(error: unknown): never {
  throw error
}

function isThreadData(data: unknown): data is ThreadData {
  return typeof data === 'object' && data !== null && Object.hasOwn(data, 'procuraPool')
}
