/**
 * The query of a URL as text. `URLSearchParams` writes a whole query anew, and a call may have signed its bytes.
 *
 * @module
 */

/** Removes the parameters with one of these names. The other bytes stay as they are, also between semicolons. */
export function withoutParameters(url: URL, names: readonly string[]): URL {
  const isKept = (pair: string): boolean => {
    const [name] = new URLSearchParams(pair).keys()
    return name === undefined || !names.includes(name)
  }
  const given = url.search.slice(1)
  const kept = given
    .split('&')
    .map((part) => part.split(';').filter(isKept))
    .flatMap((pairs) => (pairs.length === 0 ? [] : [pairs.join(';')]))
    .join('&')
  const changed = new URL(url)
  if (kept !== given) changed.search = kept
  return changed
}

/** Puts a parameter behind the others, whose bytes stay as they are. */
export function withParameter(url: URL, name: string, value: string): URL {
  const changed = new URL(url)
  const before = url.search === '' ? '' : `${url.search}&`
  changed.search = `${before}${new URLSearchParams({ [name]: value })}`
  return changed
}
