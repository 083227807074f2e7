import type { IpldMap } from '../core/ipld/value.ts'
import { ArgumentError } from '../errors.ts'
import { objectValue } from '../support/options.ts'

/**
 * The arguments to sign. Models and frameworks pass `undefined` for an absent argument, at any depth of plain objects;
 * a token has no such value. AGT-04
 *
 * @throws ArgumentError when they are not an object.
 */
export function withoutUndefined(args: unknown): IpldMap {
  const fault = objectValue(args)
  if (fault !== undefined) throw new ArgumentError(`\`args\` ${fault}`)
  return cleaned(args, 0) as IpldMap
}

/** Deeper values are left to the encoder, which refuses them. */
const deepest = 64

function cleaned(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > deepest) return value
  if (Array.isArray(value)) return value.map((item) => cleaned(item, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const copy: Record<string, unknown> = Object.create(null)
  for (const [name, item] of Object.entries(value)) if (item !== undefined) copy[name] = cleaned(item, depth + 1)
  return copy
}
