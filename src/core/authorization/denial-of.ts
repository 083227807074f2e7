import { MalformedError } from '../../errors.ts'
import { notContainer } from '../container/container.ts'
import type { Denial, DenialDetail } from './denial.ts'
import type { Refusal } from './refusal.ts'
import type { VerificationSettings } from './settings.ts'

/** Makes the denial for the error of a decoder. Any other error is not the sender's fault, and is thrown again. */
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

/** Makes the denial for an unexpected error, and reports the error. */
export function internalError(error: unknown, { onError }: Pick<VerificationSettings, 'onError'>): Refusal {
  onError(error)
  return { code: 'internal_error', requirement: 'AUT-20' }
}
