import type { OptionCheck } from '../support/options.ts'

/** A bound on the age of knowledge. With an infinite one, an answer would be used for ever without its source. */
export const finiteSeconds: OptionCheck = (value) =>
  Number.isFinite(value) && Number(value) >= 0 ? undefined : 'must be a finite number >= 0'
