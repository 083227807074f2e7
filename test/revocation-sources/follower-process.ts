/**
 * A process that follows a feed, for tests whose network fails.
 *
 * @module
 */

import process from 'node:process'
import { parseDid } from '../../src/core/did/did.ts'
import { revocationFeedSource } from '../../src/revocation-sources/feed/feed-source.ts'
import { followRevocations } from '../../src/revocation-sources/follow-revocations.ts'

/** The parameter of the process. */
export interface FollowerOptions {
  /** The feed, over `http:`, as in a network of tests. */
  readonly url: string
  readonly publisher: string
  readonly maxAge: number
}

/** A message to the process: look-ups are repeated until they are answered, or until they are refused. */
export type FollowerRequest = 'answered' | 'refused'

const { url, publisher, maxAge } = JSON.parse(process.argv[2] ?? '') as FollowerOptions
const source = revocationFeedSource({
  url: 'https://feed.example/revocations',
  publisher: parseDid(publisher),
  fetch: (_, init) => fetch(url, init),
})
const followed = followRevocations({ source, maxAge })

function isAnswered(): boolean {
  try {
    followed.findRevocations(['did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'])
    return true
  } catch {
    return false
  }
}

process.on('message', async (wanted: FollowerRequest) => {
  while (isAnswered() !== (wanted === 'answered')) await new Promise((resolve) => setTimeout(resolve, 5))
  process.send?.(wanted)
})
process.once('disconnect', () => process.exit())
process.send?.('ready')
