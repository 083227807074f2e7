import { afterAll, beforeAll, describe, it } from 'vitest'
import { service as postgres } from '../services/postgres.service.ts'
import { service as redis } from '../services/redis.service.ts'
import { isMissing } from '../services/service.ts'
import { startPostgresStores, startRedisStores } from '../services/store-server.ts'
import { expectNoSecondYes } from '../stores/processes/shows.ts'
import { bundleVerifier } from '../stores/processes/verifiers.ts'

const effort = { calls: Number(process.env['PROCURA_CALLS'] ?? 20_000), failures: 5, limits: true }
let program: string
let remove: () => void

beforeAll(async () => {
  ;({ program, remove } = await bundleVerifier())
})
afterAll(() => remove())

describe.each([
  ['together', false],
  ['one after the other', true],
])(
  'of 20,000 calls with limits that four processes get twice while a server is killed five times, no call is allowed twice, with stores asked %s',
  (_, apart) => {
    it.each([
      ['Redis', redis, startRedisStores],
      ['PostgreSQL', postgres, startPostgresStores],
    ] as const)('RPL-01 LMT-10 in %s', async (_name, service, start) => {
      if (isMissing(service)) return
      const server = await start()
      try {
        const place = { ...server.placeAt(server.port), apart }
        await expectNoSecondYes({ program, place }, effort, async () => {
          await server.kill()
          await server.start()
        })
      } finally {
        await server.remove()
      }
    })
  },
)
