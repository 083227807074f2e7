/**
 * `procura/revocation/feed`: revocations that travel from one service to others.
 *
 * @module
 */

export { revocationFeedSource } from '../../revocation-sources/feed/feed-source.ts'
export { type RevocationFeed, revocationFeed } from '../../revocation-sources/feed/revocation-feed.ts'
export { type FollowedRevocations, followRevocations } from '../../revocation-sources/follow-revocations.ts'
export { revocationJournalSource } from '../../revocation-sources/journal-source.ts'
export type { RevocationNews, RevocationSource } from '../../revocation-sources/revocation-source.ts'
