// node only: uses node:worker_threads
/**
 * The thread of a PKCS#11 module, as its signer sees it.
 *
 * @module
 */

import { Worker } from 'node:worker_threads'
import { SigningError } from '../../errors.ts'
import type { ModuleAnswer, ModuleRequest, ModuleThreadData } from './messages.ts'

/** A thread that waits for a module. */
export interface ModuleThread {
  /**
   * Sends a request and returns its answer.
   *
   * @throws SigningError when the module does not return in time. Until it returns, each further request fails at once:
   *   another thread would wait for the same module.
   */
  ask(request: ModuleRequest): Promise<ModuleAnswer>
  stop(): Promise<void>
}

/** Options of {@link startModuleThread}. */
export interface ModuleThreadOptions extends ModuleThreadData {
  /** The built `procura/signer/pkcs11-thread`. */
  readonly script: URL
  /** Milliseconds within which the module must return. */
  readonly timeoutMs: number
}

interface Pending {
  readonly resolve: (answer: ModuleAnswer) => void
  readonly reject: (error: SigningError) => void
  readonly timer: ReturnType<typeof setTimeout>
}

/**
 * Starts a thread. It keeps the process alive only while it has a request.
 *
 * @throws SigningError when the host refuses to start one.
 */
export function startModuleThread({ script, timeoutMs, procuraPkcs11 }: ModuleThreadOptions): ModuleThread {
  const worker = newWorker(script, { procuraPkcs11 })
  const pending = new Map<number, Pending>()
  const late = new Set<number>()
  let lastNumber = 0
  let over: SigningError | undefined

  function end(cause: unknown): void {
    over ??= new SigningError('the thread of the PKCS#11 module ended; make a new signer', { cause })
    for (const { reject, timer } of pending.values()) {
      clearTimeout(timer)
      reject(over)
    }
    pending.clear()
  }

  worker.on('message', (answer: ModuleAnswer) => {
    const waiting = pending.get(answer.number)
    late.delete(answer.number)
    pending.delete(answer.number)
    if (pending.size === 0) worker.unref()
    clearTimeout(waiting?.timer)
    waiting?.resolve(answer)
  })
  worker.on('error', end)
  worker.on('exit', () => end(undefined))
  worker.unref()

  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (over !== undefined) return reject(over)
        // SIG-23
        if (late.size > 0) {
          return reject(new SigningError('the PKCS#11 module has not returned from an earlier call; try again later'))
        }
        lastNumber += 1
        const number = lastNumber
        const timer = setTimeout(() => {
          pending.delete(number)
          late.add(number)
          worker.unref()
          reject(new SigningError(`the PKCS#11 module did not return within ${timeoutMs} ms; try again later`))
        }, timeoutMs)
        worker.ref()
        pending.set(number, { resolve, reject, timer })
        worker.postMessage({ ...request, number })
      }),
    stop: async () => {
      end(undefined)
      // A thread inside of the module ends when the module returns.
      if (late.size === 0) await worker.terminate()
      else void worker.terminate()
    },
  }
}

function newWorker(script: URL, workerData: ModuleThreadData): Worker {
  try {
    return new Worker(script, { workerData, execArgv: [], name: 'procura-pkcs11' })
  } catch (cause) {
    throw new SigningError('the thread of the PKCS#11 module could not be started; check `script`', { cause })
  }
}
