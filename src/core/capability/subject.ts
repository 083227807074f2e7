import type { Did } from '../did/did.ts'

/**
 * The subject of a delegation that passes on all authority of its issuer, for every subject (a "powerline"). It has a
 * name, so that the breadth of the grant is visible where it is made. On the wire it is `sub: null`. It means the
 * subject of the delegation before it, and is never the root of a chain (UCAN Delegation 1.0.0, "Powerline").
 */
export const anySubject: unique symbol = Symbol('anySubject')

/** The type of {@link anySubject}. */
export type AnySubject = typeof anySubject

/** The principal whose authority a delegation passes on, or {@link anySubject}. */
export type Subject = Did | AnySubject
