/**
 * `procura/revocation/feed`: revocations that travel from one service to others.
 *
 * @module
 */

export {
  type RevocationFeedSourceOptions,
  revocationFeedSource,
} from '../../distribution/feed/feed-source.ts'
export {
  type RevocationFeed,
  type RevocationFeedOptions,
  revocationFeed,
} from '../../distribution/feed/revocation-feed.ts'
export {
  type FollowedRevocations,
  type FollowRevocationsOptions,
  followRevocations,
} from '../../distribution/follow-revocations.ts'
export {
  type RevocationJournalSourceOptions,
  type RevocationWatch,
  revocationJournalSource,
} from '../../distribution/journal-source.ts'
export type { RevocationNews, RevocationSource } from '../../distribution/revocation-source.ts'
export type { RevocationKnowledge } from '../../revocation/revocation-store.ts'
