/**
 * Makes a result whose JSON and inspection contain the CIDs of its tokens in the place of the tokens: a program that
 * logs its results would log signed calls. Its properties stay as they are. AGT-37
 *
 * @param result - the tokens are in `invocation`, `receipt`, `proofs` and `closest`; `container` has all of them.
 */
export function printingCids<T extends object>(result: T): T {
  const printed = (): object => printedForm(result)
  return Object.freeze(
    Object.defineProperties(
      { ...result },
      // Not enumerable, so clones and comparisons do not see them.
      { toJSON: { value: printed }, [Symbol.for('nodejs.util.inspect.custom')]: { value: printed } },
    ),
  )
}

const tokenNames: ReadonlySet<string> = new Set(['invocation', 'receipt', 'proofs', 'closest'])

function printedForm(result: object): object {
  const shown: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(result)) {
    if (name === 'container') continue
    shown[name] = !tokenNames.has(name) ? value : Array.isArray(value) ? value.map(nameOf) : nameOf(value)
  }
  return shown
}

function nameOf(token: unknown): string {
  return String(Object(token).cid)
}
