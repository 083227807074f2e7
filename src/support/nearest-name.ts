/**
 * Returns the known name that was probably meant: one with the same beginning, or a distance of at most half its
 * length.
 *
 * @param names - the known names.
 */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  const meant = name.slice(0, 64).toLowerCase()
  let nearest: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of names) {
    const known = candidate.toLowerCase()
    const changes = editDistance(meant, known)
    const isNear = changes * 2 <= Math.max(meant.length, known.length)
    if (changes >= least || !(isNear || known.startsWith(meant) || meant.startsWith(known))) continue
    nearest = candidate
    least = changes
  }
  return nearest
}

/** The number of insertions, deletions and replacements between two texts (Levenshtein). */
export function editDistance(from: string, to: string): number {
  const row = [...from].reduce(
    (row, character, done) => {
      const next = [done + 1]
      for (let at = 0; at < to.length; at++) {
        const [replaced = 0, added = 0] = row.slice(at)
        next.push(Math.min(replaced + Number(character !== to[at]), added + 1, (next[at] ?? 0) + 1))
      }
      return next
    },
    [...Array(to.length + 1).keys()],
  )
  return row[to.length] ?? 0
}
