/**
 * Bounds on the recorded part of an event.
 *
 * @module
 */

/** The longest string that is kept whole, in UTF-16 units. */
export const maxTextLength: number = 512
/** The same for encrypted fields, which are useless if a part is missing. */
export const maxSealedLength: number = 6000
/** Most bytes of DAG-CBOR of all arguments together. */
export const maxArgumentBytes: number = 4096
/** Most items of a list. */
export const maxListLength: number = 64
/** Most arguments that are recorded for one call. */
export const maxArguments: number = 32
/** The longest name of an argument that is kept whole, in UTF-16 units. */
export const maxNameLength: number = 64
