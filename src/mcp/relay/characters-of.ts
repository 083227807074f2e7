/** Characters that a value of any kind counts at least, because it takes memory. */
const least = 8

/** The approximate number of characters of a value from JSON, which is a measure of its memory. */
export function charactersOf(message: unknown): number {
  let count = 0
  const rest: unknown[] = [message]
  while (rest.length > 0) {
    const value = rest.pop()
    count += least
    if (typeof value === 'string') count += value.length
    else if (Array.isArray(value)) for (const item of value) rest.push(item)
    else if (typeof value === 'object' && value !== null)
      for (const [name, item] of Object.entries(value)) {
        count += name.length
        rest.push(item)
      }
  }
  return count
}
