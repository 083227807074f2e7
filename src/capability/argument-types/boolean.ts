import type { StandardSchema } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'

/** True or false; not `0`, `1`, or text. */
export function boolean(): StandardSchema<boolean> {
  // ARG-20
  return argumentType((value) => (typeof value === 'boolean' ? undefined : 'is not a boolean'))
}
