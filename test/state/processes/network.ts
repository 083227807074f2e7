import { expect } from 'vitest'
import { proxyTo } from '../../services/proxy.ts'
import type { StoresPlace } from './place.ts'
import { countOf } from './shows.ts'
import { makeCalls, startVerifier } from './verifiers.ts'

const calls = 40

/**
 * Lets the network between a process and its server fail in several ways. Expects denials with the codes of the stores, no
 * call allowed, and calls allowed again after it is healed.
 */
export async function expectNetworkFailures(
  program: string,
  serverPort: number,
  placeAt: (port: number) => StoresPlace,
): Promise<void> {
  const proxy = await proxyTo(serverPort)
  const verifier = await startVerifier(program, placeAt(proxy.port))
  const verify = async () => countOf(await verifier.verify(await makeCalls(calls)))
  try {
    expect(await verify()).toEqual({ allowed: calls })
    for (const fail of [proxy.cut, proxy.stall]) {
      fail()
      const during = await verify()
      expect(
        Object.keys(during).filter((answer) => answer !== 'revocation_unknown' && answer !== 'replay_unknown'),
      ).toEqual([])
      proxy.heal()
      const [call] = await makeCalls(1)
      expect(await verifier.verify([call as Uint8Array], { again: true })).toEqual(['allowed'])
      expect(await verify()).toEqual({ allowed: calls })
    }
    proxy.delay(200)
    expect(await verify()).toEqual({ allowed: calls })
  } finally {
    await verifier.kill()
    await proxy.close()
  }
}
