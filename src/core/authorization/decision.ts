import type { Authorization } from './authorization.ts'
import type { Denial } from './denial.ts'

/** The decision about a call: an authorization, or the reason of the refusal. */
export type Decision =
  | { readonly allowed: true; readonly authorization: Authorization }
  | { readonly allowed: false; readonly denial: Denial }
