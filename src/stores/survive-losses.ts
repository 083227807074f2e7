/** An emitter, if the client is one. */
interface MaybeEmitter {
  listenerCount?(event: string): number
  on?(event: string, listener: () => void): unknown
}

/**
 * Listens for the errors of a client without a listener: a server that restarts would otherwise end this process. The
 * request that needs the connection reports the loss.
 */
export function surviveLosses(client: object): void {
  const emitter = client as MaybeEmitter
  if (typeof emitter.listenerCount !== 'function' || typeof emitter.on !== 'function') return
  if (emitter.listenerCount('error') === 0) emitter.on('error', () => undefined)
}
