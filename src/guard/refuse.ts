import type { GuardDenial, GuardDenialCode } from './result.ts'

/** The answer of a guard that refuses. */
export interface GuardRefusal {
  readonly allowed: false
  readonly denial: GuardDenial
}

/**
 * Makes a refusal of the guard's own.
 *
 * @param cause - the error that it is for. It is not enumerable, so that no text that is made of a denial holds it.
 */
export function refuse(code: GuardDenialCode, message: string, requirement: string, cause?: unknown): GuardRefusal {
  const denial: GuardDenial = { code, message, requirement }
  if (cause !== undefined) Object.defineProperty(denial, 'cause', { value: cause })
  return Object.freeze({ allowed: false, denial: Object.freeze(denial) })
}
