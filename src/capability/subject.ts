import type { Did } from '../did/did.ts'

/**
 * Says that a delegation passes on whatever its issuer may do, for every subject (a "powerline"). It is a name, not
 * `null`, so that the breadth of the grant is seen where it is made. On the wire it is `sub: null`, and it takes the
 * subject of the delegation before it; it is never the root of a chain (UCAN Delegation 1.0.0, "Powerline").
 */
export const anySubject: unique symbol = Symbol('anySubject')

/** The type of {@link anySubject}. */
export type AnySubject = typeof anySubject

/** Whose authority a delegation passes on: one principal, or {@link anySubject}. */
export type Subject = Did | AnySubject
