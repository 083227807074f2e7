/**
 * Accepts every audience, for a guard that asks a function about it. No entry point exports it: an authorizer that
 * accepts it alone would execute calls to other services.
 */
export const anyAudience: unique symbol = Symbol()
