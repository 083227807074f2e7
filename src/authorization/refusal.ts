import { MalformedError } from '../errors.ts'
import type { Denial, DenialDetail } from './denial.ts'

/** Makes the denial of something that a decoder refused; anything else is not the sender's fault, and thrown on. */
export function denialOf(error: unknown, detail?: DenialDetail): Denial {
  if (!(error instanceof MalformedError)) throw error
  return {
    code: error.kind,
    message: error.message,
    requirement: error.requirement,
    ...(detail === undefined ? {} : { detail }),
  }
}
