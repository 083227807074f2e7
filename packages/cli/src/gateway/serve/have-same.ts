/** Whether two lists without duplicates have the same texts, in whichever order. */
export function haveSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one) => others.includes(one))
}
