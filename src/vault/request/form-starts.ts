/** Finds the places in a body at which a form of a secret can begin. */
export interface FormStarts {
  /** The first place from `from` on, or the length of `bytes`. It compares at most four bytes. */
  next(bytes: Uint8Array, from: number): number
  /** Overwrites what was derived from the forms. */
  forget(): void
}

/** How many bytes of a form are compared. The shortest form has as many. */
const compared = 4

/**
 * Makes the search for the places at which one of the forms can begin. A body has to be searched to its end, since a
 * caller could fill its beginning, so most places are passed by one look at a table.
 *
 * @param forms - of at least four bytes each.
 */
export function createFormStarts(forms: readonly Uint8Array[]): FormStarts {
  // For each of the first four bytes and each of its values: the forms that have it, a bit for each of 32 groups.
  const table = new Int32Array(compared * 256)
  for (const [index, form] of forms.entries()) {
    for (let at = 0; at < compared; at++) {
      const entry = at * 256 + (form[at] as number)
      table[entry] = (table[entry] as number) | (1 << (index % 32))
    }
  }
  const groupsOf = (at: number, byte: number | undefined): number => table[at * 256 + (byte as number)] as number

  return {
    next(bytes, from) {
      let place = from
      for (const whole = bytes.length - compared; place <= whole; place++) {
        const groups = groupsOf(0, bytes[place])
        if (groups === 0) continue
        if (
          (groups & groupsOf(1, bytes[place + 1]) & groupsOf(2, bytes[place + 2]) & groupsOf(3, bytes[place + 3])) !==
          0
        )
          return place
      }
      for (; place < bytes.length; place++) {
        let groups = groupsOf(0, bytes[place])
        for (let at = 1; place + at < bytes.length; at++) groups &= groupsOf(at, bytes[place + at])
        if (groups !== 0) return place
      }
      return bytes.length
    },
    forget: () => void table.fill(0),
  }
}
