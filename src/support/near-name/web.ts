/**
 * Elsewhere than on Node, messages suggest nothing: that about an unknown option lists the names.
 *
 * @module
 */

/** Suggests no name. */
export function nearHint(_name: string, _names: readonly string[]): string {
  return ''
}

/** Suggests no name. */
export function strayHint(_given: unknown, _declared: unknown): string {
  return ''
}

/** Suggests nothing. */
export function functionHint(_value: unknown, _method: string): string {
  return ''
}

/** The fault of a store. */
export function storeHint(fault: string | undefined): string | undefined {
  return fault
}
