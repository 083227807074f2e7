import type { ProcuraError } from '../../src/errors.ts'
import type { Random } from './random.ts'

/** A class of errors. */
export type ErrorClass = abstract new (...args: never[]) => ProcuraError

/** A function of the package that reads what others wrote. */
export interface Reader<Input = never> {
  /** The export, as `entry name`; after a dot the method of its result, after a comma its form. */
  readonly of: string
  /** Makes an input out of one that is in order, with something wrong in it. */
  readonly input: (random: Random) => Input | Promise<Input>
  readonly read: (input: Input) => unknown
  /** The documented errors. */
  readonly errors: readonly ErrorClass[]
  /** Reports the fault of a result. Default: the result has no fault. */
  readonly wrong?: (answer: never) => string | undefined
  /** Of so many inputs of other readers one for this, as each costs more. Default 1. */
  readonly costs?: number
}

/** Creates a reader. Other readers do not use its input, so that the type can be dropped. */
export function reader<Input>(of: Reader<Input>): Reader {
  return of as unknown as Reader
}
