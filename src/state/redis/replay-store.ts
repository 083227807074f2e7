// node only: HMAC

import type { ClaimOptions } from '../../authorization/replay-store.ts'
import { StoreError } from '../../errors.ts'
import { type Clock, secondsOf, type Timestamp } from '../../time.ts'
import { assertAfterEpoch, type EpochOptions, readClaim } from '../epoch.ts'
import type { SharedReplayStore } from '../shared-stores.ts'
import { type RedisConnection, scoreOf, text } from './connection.ts'
import { claimScript, epochScript, forgetCallsScript, keepFor } from './scripts.ts'

/** Entries that one script forgets. */
const forgottenAtOnce = 500

/** How often a claim is sent again because the stores were prepared anew in between. */
const attempts = 3

/** Makes the replay store of a connection. */
export function replayStore(
  { names, key, newRequest, ask }: RedisConnection,
  settings: Required<EpochOptions> & { readonly clock: Clock; readonly timeoutMs: number },
): SharedReplayStore {
  /** The epoch as it was last seen, or a question for it. The script compares it. */
  let epoch: string | Promise<string> | undefined

  /** Claims that arrive together at the start ask for the epoch once. */
  async function askEpoch(): Promise<string> {
    try {
      epoch = text((await ask(epochScript, ['epoch'], [], []))[1])
      return epoch
    } catch (cause) {
      epoch = undefined
      throw cause
    }
  }

  const forgettable = (): string => String(secondsOf(settings.clock) - keepFor)

  return Object.freeze({
    async claim(call: string, expiration: Timestamp, { signal, acceptedFrom }: ClaimOptions) {
      const claim = readClaim(call, expiration, acceptedFrom)
      const name = names.hex('replay', call)
      for (let attempt = 0; attempt < attempts; attempt++) {
        signal?.throwIfAborted()
        epoch ??= askEpoch()
        const known = await epoch
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
        if (kind === 'expired') throw new StoreError('the invocation expired before the latest time seen')
        epoch = text(value)
      }
      throw new StoreError('the stores are being prepared again and again')
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
