/** The epoch of stores as this process saw it last. Each claim sends it, and learns when it is no longer so. */
export interface KnownEpoch<Epoch> {
  /** Returns it, or asks for it. Claims that arrive together at the start ask once. */
  read(): Epoch | Promise<Epoch>
  /** Takes the one that the store has now. */
  correct(epoch: Epoch): void
}

/** How often a claim is sent again because the stores were prepared anew in between. */
export const claimAttempts = 3

/**
 * Makes the knowledge of one process.
 *
 * @param ask - asks the store.
 */
export function knownEpoch<Epoch>(ask: () => Promise<Epoch>): KnownEpoch<Epoch> {
  let known: Epoch | Promise<Epoch> | undefined

  async function askOnce(): Promise<Epoch> {
    try {
      const epoch = await ask()
      known = epoch
      return epoch
    } catch (cause) {
      known = undefined
      throw cause
    }
  }

  return {
    read() {
      known ??= askOnce()
      return known
    },
    correct(epoch) {
      known = epoch
    },
  }
}
