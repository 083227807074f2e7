// node only: starts processes

import { afterAll, beforeAll, describe, it } from 'vitest'
import { playWithProcesses } from '../stores/processes/clock-processes.ts'
import { expectNetworkFailures } from '../stores/processes/network.ts'
import { patient } from '../stores/processes/place.ts'
import {
  expectGivenBack,
  expectNoSecondYes,
  expectOneYes,
  expectRevocationSeen,
  expectSharedBudget,
} from '../stores/processes/shows.ts'
import { bundleVerifier } from '../stores/processes/verifiers.ts'
import type { StoreServer } from './store-server.ts'

/**
 * The tests of four processes that share the stores of a server.
 *
 * @param name - of the server, for the title.
 * @param startServer - starts a server of its own, with prepared stores.
 * @returns the server, for further tests of the file.
 */
export function testFourProcesses(name: string, startServer: () => Promise<StoreServer>): () => StoreServer {
  let server: StoreServer
  let place: ReturnType<StoreServer['placeAt']>
  let program: string
  let remove: () => void

  beforeAll(async () => {
    server = await startServer()
    place = { ...server.placeAt(server.port), ...patient }
    ;({ program, remove } = await bundleVerifier())
  })
  afterAll(async () => {
    await server.remove()
    remove()
  })

  describe(`four processes that share stores in ${name}`, () => {
    it('RPL-01 allow one call of 1,000 copies once', () => expectOneYes({ program, place }, 1000))

    it('RPL-01 allow no call twice while the server is killed and started again', async () => {
      await expectNoSecondYes({ program, place }, { calls: 1000, failures: 3 }, async () => {
        await server.kill()
        await server.start()
      })
    })

    it('RPL-04 RPL-07 LMT-14 allow no call twice, and no use beyond a limit, with two clock tolerances and clocks that jump', () =>
      playWithProcesses({ ...place, clockTolerance: 300 }, 60, 1))

    it('RPL-05 RVK-06 refuse calls with codes of their own while the network fails, and allow calls afterwards', () =>
      expectNetworkFailures(program, server.port, server.placeAt))

    it('LMT-12 allow 100 of 1,000 calls of 3 sub-agents who share a budget of 100', () =>
      expectSharedBudget({ program, place }, 1000, 100))

    it('LMT-15 give a use back after its deadline when a process ends between reservation and commit', () =>
      expectGivenBack({ program, place }))

    it('RVK-05 refuse the next call of a delegation that one of them revoked', () =>
      expectRevocationSeen({ program, place }))
  })
  return () => server
}
