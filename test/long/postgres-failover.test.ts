import { afterAll, beforeAll, describe, it } from 'vitest'
import { service } from '../services/postgres.service.ts'
import { proxyTo } from '../services/proxy.ts'
import { isMissing } from '../services/service.ts'
import { promoteStandby, type Standby, startPreparedPostgres, startStandby } from '../services/store-pair.ts'
import { expectNoSecondYes } from '../stores/processes/shows.ts'
import { bundleVerifier } from '../stores/processes/verifiers.ts'

const effort = { calls: Number(process.env['PROCURA_CALLS'] ?? 20_000), failures: 3, limits: true }
let program: string
let remove: () => void

beforeAll(async () => {
  ;({ program, remove } = await bundleVerifier())
})
afterAll(() => remove())

describe('of 20,000 calls with limits that four processes get twice while synchronous standbys of PostgreSQL take over three times', () => {
  it.each([
    ['together', false],
    ['one after the other', true],
  ])('RPL-01 LMT-10 no call is allowed twice, with stores asked %s', async (_, apart) => {
    if (isMissing(service)) return
    const closing: (() => Promise<void>)[] = []
    const follow = async (port: number): Promise<Standby> => {
      const next = await startStandby(port, true)
      closing.push(next.replication.close, next.standby.remove)
      return next
    }
    let primary = await startPreparedPostgres()
    closing.push(primary.remove)
    let next = await follow(primary.port)
    const network = await proxyTo(primary.port)
    closing.push(network.close)
    const place = {
      kind: 'postgres',
      address: `postgres://postgres@127.0.0.1:${network.port}/postgres`,
      apart,
    } as const
    try {
      await expectNoSecondYes({ program, place }, effort, async () => {
        network.cut()
        await primary.kill()
        primary = next.standby
        await promoteStandby(primary.port)
        network.target(primary.port)
        network.heal()
        next = await follow(primary.port)
      })
    } finally {
      for (const close of closing) await close()
    }
  })
})
