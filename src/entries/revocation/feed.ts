/**
 * `procura/revocation/feed`: revocations that travel from one service to others.
 *
 * @module
 */

export {
  type FollowedRevocations,
  type FollowRevocationsOptions,
  followRevocations,
} from '../../distribution/follow-revocations.ts'
export type { RevocationNews, RevocationSource } from '../../distribution/revocation-source.ts'
export type { RevocationKnowledge } from '../../revocation/revocation-store.ts'
