// node only: HMAC

import { type OptionChecks, readOptions } from '../../support/options.ts'
import { destroyedKey, personalKeyBox } from '../personal-key-box.ts'
import type { SharedPersonalKeyStore } from '../shared-stores.ts'
import { connectionChecks, openConnection, type RedisConnectionOptions, text } from './connection.ts'
import { destroyKeyScript, findKeyScript, keepKeyScript } from './scripts.ts'

const optionChecks = connectionChecks satisfies OptionChecks<RedisConnectionOptions>

/**
 * Opens a store for the keys of personal data, in stores that `prepareRedisStores` has prepared. The keys are encrypted
 * with the secret. A key that is destroyed remains in the files of the server until it rewrites them (`BGREWRITEAOF`),
 * and in backups.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function redisPersonalKeyStore(options: RedisConnectionOptions): SharedPersonalKeyStore {
  const settings = readOptions('redisPersonalKeyStore', options, optionChecks)
  const { names, key, ask } = openConnection(settings)
  const box = personalKeyBox(settings.secret)
  const keyOf = (person: string): string => key('person', names.hex('personal-key', person))

  /** Returns the encrypted key, an empty string when it was destroyed, and undefined when it does not exist. */
  async function find(person: string): Promise<string | undefined> {
    const [, value] = await ask(findKeyScript, ['key'], [keyOf(person)], [])
    return value === null || value === undefined ? undefined : text(value)
  }

  const open = (person: string, sealed: string) => box.open(person, new Uint8Array(Buffer.from(sealed, 'base64')))

  return Object.freeze({
    async obtain(person: string) {
      let sealed = await find(person)
      if (sealed === undefined) {
        const made = Buffer.from(await box.generate(person)).toString('base64')
        sealed = text((await ask(keepKeyScript, ['key'], [keyOf(person)], [made]))[1])
      }
      if (sealed === '') throw destroyedKey()
      return open(person, sealed)
    },
    async find(person: string) {
      const sealed = await find(person)
      return sealed === undefined || sealed === '' ? undefined : open(person, sealed)
    },
    async destroy(person: string) {
      await ask(destroyKeyScript, ['destroyed'], [keyOf(person)], [])
    },
  })
}
