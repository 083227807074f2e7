/** The requests of a server to its client, in the sessions that one client has one after the other. */
export interface ServerRequests {
  /**
   * Notes a request of the present session.
   *
   * @returns false if the client still has one of an earlier session with this id: its answer could not be told apart.
   */
  ask(id: unknown): boolean
  /**
   * Notes an answer of the client.
   *
   * @returns false if it is for an earlier session.
   */
  answer(id: unknown): boolean
  /** The server does not wait any more. */
  cancel(id: unknown): void
  /** The session has ended. Returns the ids of the requests that the client has not answered. */
  lose(): readonly unknown[]
}

/**
 * Makes an empty table. A server that was started again counts its requests from the beginning, so the answer of a
 * person to the question of an earlier session could reach another question. CON-31
 */
export function createServerRequests(): ServerRequests {
  const open = new Set<unknown>()
  const earlier = new Set<unknown>()
  return {
    ask(id) {
      if (earlier.has(id)) return false
      open.add(id)
      return true
    },
    answer(id) {
      open.delete(id)
      return !earlier.delete(id)
    },
    cancel: (id) => void open.delete(id),
    lose() {
      const lost = [...open]
      open.clear()
      for (const id of lost) earlier.add(id)
      return lost
    },
  }
}
