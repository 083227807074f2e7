import { quietly } from './quietly.ts'

/** The `process` of Node, and of runtimes that have one as well. */
interface NodeProcess {
  readonly getBuiltinModule?: (name: 'node:events') => NodeEvents | undefined
}

interface NodeEvents {
  readonly setMaxListeners: (most: number, signal: AbortSignal) => void
}

/**
 * Calls back once when a signal is aborted. Calls that share a signal, such as the one of a shutdown, each listen until
 * they end: Node 20 warns of a memory leak at the eleventh listener, so its limit is removed from the signal.
 */
export function listenToAbort(signal: AbortSignal, listener: () => void): void {
  const { process } = globalThis as { readonly process?: NodeProcess }
  // A signal of another library has no such limit.
  quietly(() => process?.getBuiltinModule?.('node:events')?.setMaxListeners(0, signal))
  signal.addEventListener('abort', listener, { once: true })
}
