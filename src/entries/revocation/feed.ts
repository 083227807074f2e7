/**
 * `procura/revocation/feed`: revocations that travel from one service to others.
 *
 * @module
 */

export {
  type RevocationFeedSourceOptions,
  revocationFeedSource,
} from '../../revocation-sources/feed/feed-source.ts'
export {
  type RevocationFeed,
  type RevocationFeedOptions,
  revocationFeed,
} from '../../revocation-sources/feed/revocation-feed.ts'
export {
  type FollowedRevocations,
  type FollowRevocationsOptions,
  followRevocations,
} from '../../revocation-sources/follow-revocations.ts'
export {
  type RevocationJournalSourceOptions,
  type RevocationWatch,
  revocationJournalSource,
} from '../../revocation-sources/journal-source.ts'
export type { RevocationNews, RevocationSource } from '../../revocation-sources/revocation-source.ts'
export type { RevocationKnowledge } from '../../core/revocation/revocation-store.ts'
