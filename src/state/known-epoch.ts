/** The epoch of stores as this process saw it last. Each claim sends it, and the answer reports another epoch. */
export interface KnownEpoch<Epoch> {
  /** Returns the epoch, or asks the store for it. Claims that arrive together at the start share one question. */
  read(): Epoch | Promise<Epoch>
  /** Replaces it by the present epoch of the store. */
  correct(epoch: Epoch): void
}

/** How often a claim is sent again because the stores were prepared again in between. */
export const claimAttempts = 3

/**
 * Makes the memory of one process.
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
