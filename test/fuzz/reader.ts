import type { ProcuraError } from '../../src/errors.ts'
import type { Random } from './random.ts'

/** A class of errors. */
export type ErrorClass = abstract new (...args: never[]) => ProcuraError

/** A function of the package that reads what others wrote. */
export interface Reader<Input = never> {
  /** The export, as `entry name`; behind a dot the method of what it gives, behind a comma which form is meant. */
  readonly of: string
  /** Makes an input out of one that is in order, with something wrong in it. */
  readonly input: (random: Random) => Input | Promise<Input>
  readonly read: (input: Input) => unknown
  /** What it may throw, as its documentation says. */
  readonly errors: readonly ErrorClass[]
  /** Says what is wrong with an answer. Default: nothing is. */
  readonly wrong?: (answer: never) => string | undefined
  /** Of so many inputs of other readers one for this, as each costs more. Default 1. */
  readonly costs?: number
}

/** Makes a reader. Its input is nobody else's, so that the type is forgotten. */
export function reader<Input>(of: Reader<Input>): Reader {
  return of as unknown as Reader
}
