/** Places that agents share. */
export interface SharedPlaces<Holder> {
  /** Whether there is a place for a holder. */
  has(holder: Holder): boolean
  /** Whether all places are taken. */
  isFull(): boolean
  /**
   * Takes a place.
   *
   * @returns a function that ends the place, to be called once; undefined when the holder gets no place.
   */
  take(holder: Holder): (() => void) | undefined
}

/**
 * Makes the places. A holder has a maximum, and has never more places than are free when it takes the last one: so each
 * further one of several holders that work together gets half of the rest, and two of them cannot take all.
 *
 * @param isUnlimited - whether a holder can take all places.
 */
export function sharedPlaces<Holder>(
  { all, ofOne }: { readonly all: number; readonly ofOne: number },
  isUnlimited: (holder: Holder) => boolean = () => false,
): SharedPlaces<Holder> {
  const taken = new Map<Holder, number>()
  let count = 0
  const of = (holder: Holder): number => taken.get(holder) ?? 0
  const has = (holder: Holder): boolean =>
    count < all && (isUnlimited(holder) || of(holder) < Math.min(ofOne, all - count))
  return {
    has,
    isFull: () => count >= all,
    take(holder) {
      if (!has(holder)) return undefined
      count++
      taken.set(holder, of(holder) + 1)
      return () => {
        count--
        if (of(holder) > 1) taken.set(holder, of(holder) - 1)
        else taken.delete(holder)
      }
    },
  }
}
