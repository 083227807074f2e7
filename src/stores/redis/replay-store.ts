// node only: HMAC

import type { ClaimOptions } from '../../core/authorization/replay-store.ts'
import { type Clock, secondsOf, type Timestamp } from '../../time.ts'
import { assertAfterEpoch, type EpochOptions, expiredCall, readClaim } from '../epoch.ts'
import { atKnownEpoch, type KnownEpoch, knownEpoch } from '../known-epoch.ts'
import type { SharedReplayStore } from '../shared-stores.ts'
import { type RedisConnection, scoreOf, text } from './connection.ts'
import { claimScript, epochScript, forgetCallsScript, keepFor } from './scripts.ts'

/** Entries that one script forgets. */
const forgottenAtOnce = 500

/** The epoch as a connection knows it. */
export function epochOf({ ask }: RedisConnection): KnownEpoch<string> {
  return knownEpoch(async () => text((await ask(epochScript, ['epoch'], [], []))[1]))
}

/** Makes the replay store of a connection. */
export function replayStore(
  { names, key, newRequest, ask }: RedisConnection,
  epoch: KnownEpoch<string>,
  settings: Required<EpochOptions> & { readonly clock: Clock; readonly timeoutMs: number },
): SharedReplayStore {
  const forgettable = (): string => String(secondsOf(settings.clock) - keepFor)

  return Object.freeze({
    async claim(call: string, expiration: Timestamp, { signal, acceptedFrom }: ClaimOptions) {
      const claim = readClaim(call, expiration, acceptedFrom)
      const name = names.hex('replay', call)
      return atKnownEpoch(epoch, async (known) => {
        signal?.throwIfAborted()
        assertAfterEpoch(claim, Number(known), secondsOf(settings.clock), settings)
        const request = newRequest()
        const [kind, value] = await ask(
          claimScript,
          ['claimed', 'expired', 'epoch'],
          [key('calls'), key('made', request)],
          [known, name, scoreOf(expiration), forgettable(), String(2 * settings.timeoutMs)],
          request,
        )
        if (kind === 'claimed') return text(value) === '1'
        if (kind === 'expired') throw expiredCall()
        epoch.correct(text(value))
        return undefined
      })
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      const values = [forgettable(), String(forgottenAtOnce)]
      for (let count = forgottenAtOnce; count === forgottenAtOnce; ) {
        signal?.throwIfAborted()
        count = Number(text((await ask(forgetCallsScript, ['forgotten'], [key('calls')], values))[1]))
      }
    },
  })
}
