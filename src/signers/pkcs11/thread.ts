// node only: uses node:worker_threads
/**
 * `procura/signer/pkcs11-thread`: the program of the thread of a PKCS#11 module. A call of a module lasts as long as
 * the device or the server behind it needs, and this thread is the only one that waits.
 *
 * @module
 */

import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { isRefusedPin } from './failures.ts'
import type { ModuleAnswer, ModuleFailure, ModuleThreadData, NumberedRequest } from './messages.ts'
import type { ModuleLibrary } from './module-library.ts'
import { openSession, TokenError, type TokenSession } from './token-session.ts'

/** Answers the requests that arrive in this thread. Does nothing in a thread that a signer did not start. */
export function answerModuleRequests(): void {
  if (parentPort !== null && isThreadData(workerData)) serve(parentPort, workerData.procuraPkcs11)
}

function serve(port: MessagePort, { library, module }: ModuleThreadData['procuraPkcs11']): void {
  let loaded: ModuleLibrary | undefined
  let session: TokenSession | undefined
  let refusedPin: ModuleFailure | undefined

  async function answer(request: NumberedRequest): Promise<ModuleAnswer> {
    // The signer does not learn of a refusal that came after its time limit.
    if (refusedPin !== undefined && 'pin' in request && request.pin !== undefined) throw new ThreadFailure(refusedPin)
    return perform(request)
  }

  async function perform(request: NumberedRequest): Promise<ModuleAnswer> {
    const { number } = request
    if (request.kind === 'open') {
      session?.close()
      session = undefined
      loaded ??= await load(library, module)
      session = openSession(loaded, request)
      return { number, did: session.key.did, alwaysAuthenticate: session.alwaysAuthenticate }
    }
    if (request.kind === 'close') {
      session?.close()
      session = undefined
      return { number, closed: true }
    }
    if (session === undefined) throw new ThreadFailure({ fault: 'result', result: sessionClosed })
    return { number, signature: session.sign(request.data, request.pin) }
  }

  // Requests are answered in the order of their arrival.
  let last: Promise<void> = Promise.resolve()
  port.on('message', (request: NumberedRequest) => {
    last = last.then(async () => {
      const given = await answer(request).catch((error: unknown) => failed(request.number, error))
      if ('failure' in given && isRefusedPin(given.failure)) refusedPin = given.failure
      port.postMessage(given)
    })
  })
}

/** `CKR_SESSION_CLOSED`. */
const sessionClosed = 0xb0

class ThreadFailure extends Error {
  readonly failure: ModuleFailure

  constructor(failure: ModuleFailure) {
    super(failure.fault)
    this.failure = failure
  }
}

async function load(library: string, path: string): Promise<ModuleLibrary> {
  let module: ModuleLibrary
  try {
    const { PKCS11 } = ((await import(library)) as { readonly default: { PKCS11: new () => ModuleLibrary } }).default
    module = new PKCS11()
  } catch {
    throw new ThreadFailure({ fault: 'package' })
  }
  try {
    module.load(path)
  } catch {
    throw new ThreadFailure({ fault: 'module' })
  }
  return module
}

function failed(number: number, error: unknown): ModuleAnswer {
  if (error instanceof ThreadFailure) return { number, failure: error.failure }
  if (error instanceof TokenError) return { number, failure: { fault: error.fault } }
  // Of an error of the module, its number and its name are passed on.
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  const name = typeof message === 'string' && /^CKR_[A-Z0-9_]{1,48}$/.test(message) ? { name: message } : {}
  return { number, failure: { fault: 'result', ...(typeof code === 'number' && { result: code }), ...name } }
}

function isThreadData(data: unknown): data is ModuleThreadData {
  return typeof data === 'object' && data !== null && 'procuraPkcs11' in data
}
