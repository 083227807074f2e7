/** A comparable library, used as documented. */
export interface Peer {
  readonly name: string
  /** Makes one signed token that passes authority on. */
  readonly issue: () => unknown
  /** Creates a chain of `depth` grants and calls that use it. */
  chain(depth: number): Promise<PeerChain>
}

/** A chain of grants, with a call at its end. */
export interface PeerChain {
  /** Reads and verifies a call and its whole chain, seen for the first time. Fails when the call is refused. */
  readonly cold: () => unknown
  /** The same for a new call, when the grants were met before. Fails when it is refused. */
  readonly warm: () => unknown
  /** Bytes of the call and the grants in the form in which they are sent. */
  readonly bytes: number
  /**
   * Like `warm`, for a service: the requests of clients, and the function that checks them. Absent if it is not
   * measured.
   */
  readonly service?: PeerService
}

/** Checks the body of a request, as a service that uses the library. */
export interface PeerService {
  readonly bodies: readonly Uint8Array[]
  /** Rejects when the body is refused. */
  check(body: Uint8Array): Promise<void>
}

/** Loads a package that is installed beside this file, or further up. Rejects when it is not. */
export function load(name: string): Promise<unknown> {
  return import(name)
}

/** Fails unless a call was allowed: a refusal is fast, so its time is meaningless. */
export function mustBe(allowed: boolean, name: string): void {
  if (!allowed) throw new Error(`${name} refused a call that is in order`)
}

/** Gives the elements of a list one after another, over and over. */
export function cycle<T>(values: readonly T[]): () => T {
  let at = 0
  return () => {
    const value = values[at] as T
    at = (at + 1) % values.length
    return value
  }
}
