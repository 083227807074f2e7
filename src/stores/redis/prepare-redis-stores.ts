// node only: HMAC

import { StoreError } from '../../errors.ts'
import { type OptionChecks, readOptions } from '../../support/options.ts'
import { secondsOf } from '../../time.ts'
import { type PreparationOptions, preparationChecks } from '../epoch.ts'
import { type RedisStoreClient, sendWith } from './client.ts'
import { connectionChecks, openConnection, otherSecret, type RedisConnectionOptions, text } from './connection.ts'
import { prepareScript } from './scripts.ts'

/** Options of {@link prepareRedisStores}. */
export interface PrepareRedisStoresOptions extends RedisConnectionOptions, PreparationOptions {}

const optionChecks = Object.freeze({
  ...connectionChecks,
  ...preparationChecks,
}) satisfies OptionChecks<PrepareRedisStoresOptions>

/**
 * Prepares the stores, unless they are: a step of the deployment. A store does not do this by itself, because an empty
 * server is also one that lost its revocations.
 *
 * @throws ArgumentError when an option is invalid; StoreError when Redis does not answer, may evict entries
 *   (`maxmemory-policy` must be `noeviction`), or was prepared with another secret.
 */
export async function prepareRedisStores(options: PrepareRedisStoresOptions): Promise<void> {
  const { epoch, clock, ...settings } = readOptions('prepareRedisStores', options, optionChecks)
  const { names, key, ask } = openConnection(settings)
  await assertNoEviction(settings.client, key('stores'))
  const values = [String(epoch ?? secondsOf(clock)), epoch === undefined ? '0' : '1']
  const [, fingerprint] = await ask(prepareScript, ['prepared'], [], values)
  if (text(fingerprint) !== names.fingerprint) throw otherSecret()
}

/** A server that evicts entries forgets calls and revocations that still apply. */
async function assertNoEviction(client: RedisStoreClient, key: string): Promise<void> {
  let info: string
  try {
    info = text(await sendWith(client)(key, ['INFO', 'memory']))
  } catch (cause) {
    throw new StoreError('Redis did not answer; `cause` has the reason', { cause })
  }
  const name = 'maxmemory_policy:'
  const policy = info
    .split(/\r?\n/)
    .find((line) => line.startsWith(name))
    ?.slice(name.length)
  if (policy === 'noeviction') return
  throw new StoreError(`set \`maxmemory-policy\` of Redis to \`noeviction\`; it is \`${policy ?? 'unknown'}\``)
}
