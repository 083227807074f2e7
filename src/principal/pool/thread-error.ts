import { ProcuraError } from '../../errors.ts'

/** A thread that verifies signatures could not be started, ended, or gave an answer to no question. */
export class ThreadError extends ProcuraError {
  readonly code = 'ERR_THREAD'
}
