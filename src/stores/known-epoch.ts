import { StoreError } from '../errors.ts'

/** The epoch of stores as this process saw it last. Each claim sends it, and the answer reports another epoch. */
export interface KnownEpoch<Epoch> {
  /** Returns the epoch, or asks the store for it. Claims that arrive together at the start share one question. */
  read(): Epoch | Promise<Epoch>
  /** Replaces it by the present epoch of the store. */
  correct(epoch: Epoch): void
}

/** How often a claim is sent because the stores were prepared again in between. */
const attempts = 3

/**
 * Sends a claim with the known epoch, and again with the present one where they differ.
 *
 * @param send - returns undefined after it has corrected the epoch.
 * @throws StoreError when the epoch changes each time.
 */
export async function atKnownEpoch<Epoch, Answer>(
  epoch: KnownEpoch<Epoch>,
  send: (known: Epoch) => Promise<Answer | undefined>,
): Promise<Answer> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const answer = await send(await epoch.read())
    if (answer !== undefined) return answer
  }
  throw new StoreError('the stores were prepared repeatedly during the call; prepare them once, in the deployment')
}

/**
 * Makes the memory of one process.
 *
 * @param ask - asks the store.
 */
export function knownEpoch<Epoch>(ask: () => Promise<Epoch>): KnownEpoch<Epoch> {
  let known: Epoch | Promise<Epoch> | undefined

  async function askOnce(): Promise<Epoch> {
    try {
      const epoch = readEpoch(await ask())
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
      known = readEpoch(epoch)
    },
  }
}

/** A malformed epoch would be compared with every later call: it is not remembered. */
function readEpoch<Epoch>(epoch: Epoch): Epoch {
  if (Number.isFinite(Number(epoch))) return epoch
  throw new StoreError('the server did not return the epoch of the stores as a number')
}
