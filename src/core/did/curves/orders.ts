/**
 * The orders of the groups of the two curves of ECDSA: the numbers of a signature are below them.
 *
 * @module
 */

/** Of P-256 (SEC 2, section 2.4.2). */
export const p256Order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** Of secp256k1 (SEC 2, section 2.4.1). */
export const secp256k1Order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
