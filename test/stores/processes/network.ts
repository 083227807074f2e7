import { expect } from 'vitest'
import { proxyTo } from '../../services/proxy.ts'
import type { StoresPlace } from './place.ts'
import { countOf } from './shows.ts'
import { makeBudgetCalls, makeCalls, startVerifier } from './verifiers.ts'

const calls = 40
/** Longer than the defaults, which a busy machine reaches while the network works. */
const waits = { timeoutMs: 5_000, connectMs: 2_500 }

/**
 * Lets the network between a process and its server fail in several ways. Expects denials with the codes of the stores,
 * no call allowed, and calls allowed again after it is healed.
 */
export async function expectNetworkFailures(
  program: string,
  serverPort: number,
  placeAt: (port: number) => Exclude<StoresPlace, { kind: 'sqlite' }>,
): Promise<void> {
  const proxy = await proxyTo(serverPort)
  const verifier = await startVerifier(program, { ...placeAt(proxy.port), ...waits })
  const verify = async () => countOf(await verifier.verify(await makeCalls(calls)))
  const { calls: limited, budget } = await makeBudgetCalls(2 * calls, calls, '1000.00')
  try {
    expect(await verify()).toEqual({ allowed: calls })
    for (const fail of [proxy.cut, proxy.stall]) {
      fail()
      const during = await verify()
      expect(
        Object.keys(during).filter((answer) => answer !== 'revocation_unknown' && answer !== 'replay_unknown'),
      ).toEqual([])
      const refused = countOf(await verifier.verify(limited.slice(0, calls)))
      expect(Object.keys(refused).filter((answer) => !answer.endsWith('_unknown'))).toEqual([])
      proxy.heal()
      const [call] = await makeCalls(1)
      // It is used without being allowed if its time ended as it was sent.
      const [first] = await verifier.verify([call as Uint8Array], { again: true })
      expect(first).toMatch(/^(allowed|replayed)$/)
      expect(await verify()).toEqual({ allowed: calls })
    }
    // A request that arrived after all may have counted; no call that was refused is allowed for it.
    const rest = countOf(await verifier.verify(limited.slice(calls), { again: true }))
    const [left = 0] = await verifier.remaining(budget)
    expect(left).toBe(0)
    expect(rest['allowed'] ?? 0).toBeLessThanOrEqual(calls)
    proxy.delay(200)
    expect(await verify()).toEqual({ allowed: calls })
    const hasty = await startVerifier(program, { ...placeAt(proxy.port), timeoutMs: 100 })
    try {
      expect(countOf(await hasty.verify((await makeBudgetCalls(calls, calls, '1000.00')).calls))).toEqual({
        revocation_unknown: calls,
      })
    } finally {
      await hasty.kill()
    }
  } finally {
    await verifier.kill()
    await proxy.close()
  }
}
