import { notContainer } from '../container/container.ts'
import { MalformedError } from '../errors.ts'
import type { Denial, DenialDetail } from './denial.ts'
import type { VerificationSettings } from './settings.ts'

/** Makes the denial of something that a decoder refused; anything else is not the sender's fault, and thrown on. */
export function denialOf(error: unknown, detail?: DenialDetail): Denial {
  if (!(error instanceof MalformedError)) throw error
  return {
    code: error.kind,
    message: error.message,
    requirement: error.requirement,
    ...(detail !== undefined && { detail }),
  }
}

/** Makes the denial of an input that cannot be a container, such as a header that is missing. */
export function checkInput(container: unknown): Denial | undefined {
  const isInput = typeof container === 'string' || container instanceof Uint8Array
  return isInput ? undefined : denialOf(notContainer(container))
}

/** Makes the denial of a call whose decision failed by an error that nothing provides for, and reports the error. */
export function internalError(error: unknown, { onError }: Pick<VerificationSettings, 'onError'>): Denial {
  onError(error)
  return {
    code: 'internal_error',
    message: 'the call could not be decided because of an unexpected error; try again later',
    requirement: 'AUT-20',
  }
}
