import { isBytes } from '../../ipld/value.ts'
import { maybe, numberFrom, readOptions } from '../../support/options.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { argumentType } from './argument-type.ts'

/** Options of {@link bytes}. */
export interface BytesOptions {
  /** Bytes, at least. Default 0. */
  readonly minLength?: number
  /** Bytes, at most. Default 65,536. */
  readonly maxLength?: number
}

/**
 * A byte string; not its Base64.
 *
 * @throws ArgumentError when an option is not of its type.
 */
export function bytes(options: BytesOptions = {}): StandardSchema<Uint8Array> {
  const { minLength = 0, maxLength = 65_536 } = readOptions('bytes', options, {
    minLength: maybe(numberFrom(0)),
    maxLength: maybe(numberFrom(0)),
  })
  return argumentType((value) => {
    // ARG-21
    if (!isBytes(value)) return 'is not bytes'
    if (value.length < minLength) return `has fewer than ${minLength} bytes`
    return value.length > maxLength ? `has more than ${maxLength} bytes` : undefined
  })
}
