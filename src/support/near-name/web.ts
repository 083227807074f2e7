/**
 * Elsewhere than on Node, the message about an unknown option lists the names, and suggests none.
 *
 * @module
 */

/** Suggests no name. */
export function nearName(_name: string, _names: readonly string[]): string | undefined {
  return undefined
}
