import type { Authorization } from './authorization.ts'
import type { Denial } from './denial.ts'

/** The answer to "may this call be made, here, now?". */
export type Decision =
  | { readonly allowed: true; readonly authorization: Authorization }
  | { readonly allowed: false; readonly denial: Denial }
