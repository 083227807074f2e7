// node only: runs programs
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RedisClientName, StoresPlace } from '../stores/processes/place.ts'
import { bundleVerifier, makeCalls, startVerifier, type Verifier } from '../stores/processes/verifiers.ts'
import { packetNetwork } from './packet-network.ts'
import { proxyTo } from './proxy.ts'
import type { StoreServer } from './store-server.ts'

const count = 16
/** Longer than the defaults, which a busy machine reaches before a failure and after it. */
const waits = { timeoutMs: 3_000, connectMs: 1_500 }

/**
 * Makes a failure. Expects denials for its time, and that each call is allowed at most once in the end.
 *
 * @param sent - whether a request may reach the server in the end, so that a call is used that was refused.
 */
async function expectRecovery(
  verifier: Verifier,
  sent: boolean,
  fail: () => unknown,
  heal: () => unknown,
): Promise<void> {
  const calls = await makeCalls(count)
  expect(await verifier.verify(await makeCalls(count))).toEqual(Array.from({ length: count }, () => 'allowed'))
  await fail()
  // The first call shows the client that its connection has ended.
  await verifier.verify(await makeCalls(1))
  for (const answer of await verifier.verify(calls)) expect(answer).toMatch(/^(revocation|replay)_unknown$/)
  await heal()
  // A request that the client sends as it connects, and as its time ends, is refused and used: the others come after
  // that.
  expect(await verifier.verify(await makeCalls(1), { again: true })).toEqual([
    expect.stringMatching(/^(allowed|replayed)$/),
  ])
  const afterwards = await verifier.verify(calls, { again: true })
  for (const answer of afterwards) expect(answer).toMatch(sent ? /^(allowed|replayed)$/ : /^allowed$/)
  expect(await verifier.verify(calls)).toEqual(Array.from({ length: count }, () => 'replayed'))
  const next = await verifier.verify(await makeCalls(count), { again: true })
  expect(next).toEqual(Array.from({ length: count }, () => 'allowed'))
}

/** Describes the tests of the stores of one server, which fails again and again and recovers. */
export function describeRecovery(name: string, start: () => Promise<StoreServer>, client?: RedisClientName): void {
  describe(`STO-13 STO-14 calls with stores in ${name}`, () => {
    testsOf(start, client)
  })
}

function testsOf(start: () => Promise<StoreServer>, client: RedisClientName | undefined): void {
  let program: string
  let remove: () => void
  let server: StoreServer
  beforeAll(async () => {
    ;({ program, remove } = await bundleVerifier())
    server = await start()
  })
  afterAll(async () => {
    await server.remove()
    remove()
  })

  const placeAt = (port: number, host?: string): StoresPlace =>
    ({ ...server.placeAt(port, host), ...waits, ...(client && { client }) }) as StoresPlace

  it.each(['both', 'out', 'in'] as const)(
    'are refused while packets are dropped (%s), and allowed afterwards',
    async (direction) => {
      const network = await packetNetwork()
      const relay = await proxyTo(server.port, network.address)
      const place = placeAt(relay.port, network.address)
      const verifier = await startVerifier(program, place, process.execPath, network.inside)
      try {
        await expectRecovery(verifier, true, () => network.drop(direction), network.heal)
      } finally {
        await verifier.kill()
        await relay.close()
        await network.close()
      }
    },
  )

  it('are refused while the server is killed, and allowed afterwards', async () => {
    const verifier = await startVerifier(program, placeAt(server.port))
    try {
      await expectRecovery(verifier, false, server.kill, server.start)
    } finally {
      await verifier.kill()
    }
  })

  it('are refused while connections are refused or deliver nothing, and allowed afterwards', async () => {
    const network = await proxyTo(server.port)
    const verifier = await startVerifier(program, placeAt(network.port))
    try {
      await expectRecovery(verifier, false, network.cut, network.heal)
      await expectRecovery(verifier, true, network.stall, network.heal)
    } finally {
      await verifier.kill()
      await network.close()
    }
  })

  // iovalkey without a ready check takes a connection for open before anything arrived on it: it sends requests on it,
  // and sends them again later.
  const ways: Readonly<Record<string, readonly [options: { readonly readyCheck?: boolean }, sent: boolean]>> = {
    'with the options of spec/state.md': [{}, client === 'iovalkey'],
    ...(client === 'iovalkey' && { 'with a ready check': [{ readyCheck: true }, false] }),
  }
  it.each(Object.entries(ways))(
    'are refused while connections are accepted and ended, and allowed afterwards, %s',
    async (_, [options, sent]) => {
      const network = await proxyTo(server.port)
      const verifier = await startVerifier(program, { ...placeAt(network.port), ...options })
      try {
        await expectRecovery(verifier, sent, network.hangUp, network.heal)
      } finally {
        await verifier.kill()
        await network.close()
      }
    },
  )

  it('are allowed on new connections after the old ones were forgotten', async () => {
    const network = await proxyTo(server.port)
    // Half of the time passes before the connection is closed. A busy machine needs seconds for the other half.
    const verifier = await startVerifier(program, { ...placeAt(network.port), timeoutMs: 8_000 } as StoresPlace)
    try {
      for (let round = 0; round < 3; round++) {
        expect(await verifier.verify(await makeCalls(count))).toEqual(Array.from({ length: count }, () => 'allowed'))
        network.forget()
        const calls = await makeCalls(count)
        const answers = await verifier.verify(calls, { again: true })
        for (const answer of answers) expect(answer).toMatch(/^(allowed|replayed)$/)
        // Redis recognizes a copy of a claim, so no call is lost.
        if (client !== undefined) expect(answers).toEqual(Array.from({ length: count }, () => 'allowed'))
      }
    } finally {
      await verifier.kill()
      await network.close()
    }
  })
}
