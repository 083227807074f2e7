// node only: uses node:worker_threads
/**
 * `procura/pool/thread`: the program of the threads of `procura/pool`. It decodes batches, checks the equation of each
 * signature, and answers. It receives nothing else of a token, and makes no decision.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { createBoundedMap } from '../../../support/bounded-map.ts'
import { readDidKey } from '../../did/read-did-key.ts'
import type { CryptoBackend, PreparedKey } from '../backend/backend.ts'
import { type Answer, decodeBatch, encodeAnswers, type Question } from './batch.ts'
import { type BackendChoice, chooseBackend } from './choose-backend.ts'

/** The `workerData` of a thread. */
export interface ThreadData {
  /** The back end that it loads. */
  readonly procuraPool: BackendChoice
}

/** Most prepared keys that a thread keeps. */
const maxKeys = 10_000

/**
 * Answers the batches that arrive in this thread. Does nothing in a thread that a pool did not start.
 */
export function answerBatches(): void {
  if (parentPort !== null && isThreadData(workerData)) serve(parentPort, chooseBackend(workerData.procuraPool))
}

function serve(port: MessagePort, loading: Promise<CryptoBackend>): void {
  const answer = loading.then(createAnswerer)
  // A host can be set to warn of rejections. An exception ends the thread in any case.
  const end = (error: unknown) => queueMicrotask(() => raise(error))
  answer.catch(end)
  // Batches are answered in the order of their arrival.
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
    // Concurrently, for back ends whose digest is asynchronous.
    return encodeAnswers(id, await Promise.all(questions.map((question) => answer(question).catch(() => undefined))))
  }
}

function raise(error: unknown): never {
  throw error
}

function isThreadData(data: unknown): data is ThreadData {
  return typeof data === 'object' && data !== null && Object.hasOwn(data, 'procuraPool')
}
