import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { service as postgres } from '../services/postgres.service.ts'
import { type Proxy as Network, proxyTo } from '../services/proxy.ts'
import { service as redis } from '../services/redis.service.ts'
import { isMissing } from '../services/service.ts'
import { type StorePair, startPostgresPair, startRedisPair } from '../services/store-pair.ts'
import { countOf } from '../stores/processes/shows.ts'
import { bundleVerifier, makeCalls, startVerifier, type Verifier } from '../stores/processes/verifiers.ts'

const processes = 4
/** Calls, each of which is sent before and after a loss. */
const count = Number(process.env['PROCURA_CALLS'] ?? 20_000)
/** Seconds. With the default of 60, new calls would be refused for two minutes after a loss. */
const clockTolerance = 1

let program: string
let remove: () => void

beforeAll(async () => {
  ;({ program, remove } = await bundleVerifier())
})
afterAll(() => remove())

/** A service of four processes, which reach their server through a network. */
interface Deployment {
  readonly network: Network
  readonly verifiers: readonly Verifier[]
  readonly pair: StorePair
}

async function withDeployment(
  startPair: () => Promise<StorePair>,
  task: (deployment: Deployment) => Promise<void>,
): Promise<void> {
  const pair = await startPair()
  const network = await proxyTo(pair.port)
  const place = { ...pair.placeAt(network.port), clockTolerance }
  const verifiers = await Promise.all(Array.from({ length: processes }, () => startVerifier(program, place)))
  try {
    await task({ network, verifiers, pair })
  } finally {
    await Promise.all(verifiers.map((verifier) => verifier.kill()))
    await network.close()
    await pair.remove()
  }
}

/**
 * Sends each call once, each to one of the processes. Calls the listener with each call that is allowed, and the number
 * of answers.
 */
async function sendAll(
  verifiers: readonly Verifier[],
  calls: readonly Uint8Array[],
  onAnswer: (at: number, answer: string, done: number) => void,
): Promise<void> {
  let done = 0
  await Promise.all(
    verifiers.map((verifier, index) => {
      const own = calls.map((_, at) => at).filter((at) => at % processes === index)
      return verifier.verify(
        own.map((at) => calls[at] as Uint8Array),
        { onAnswer: (position, answer) => onAnswer(own[position] as number, answer, ++done) },
      )
    }),
  )
}

/** Makes the replica the server of the service, which cannot reach it yet. Returns its port. */
async function failOver({ network, pair }: Deployment): Promise<number> {
  network.cut()
  await pair.killPrimary()
  const port = await pair.promote()
  network.target(port)
  return port
}

/** Sends new calls until one is allowed. Returns the milliseconds that this took. */
async function untilAllowed(verifier: Verifier): Promise<number> {
  const start = performance.now()
  for (;;) {
    const [answer] = await verifier.verify(await makeCalls(1))
    if (answer === 'allowed') return performance.now() - start
    expect(answer).toMatch(/^(revocation|replay)_unknown$/)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/**
 * Sends all calls while the last second of replication is lost. Returns when each one was allowed, and when the loss
 * began.
 */
async function loseLastSecond(
  { verifiers, pair }: Deployment,
  calls: readonly Uint8Array[],
  failover: () => Promise<void>,
): Promise<{
  readonly allowed: ReadonlyMap<number, number>
  readonly from: number
  readonly answers: readonly string[]
}> {
  const allowed = new Map<number, number>()
  const answers: string[] = []
  let from = Number.NaN
  let failing: Promise<void> | undefined
  await sendAll(verifiers, calls, (at, answer, done) => {
    answers.push(answer)
    if (answer === 'allowed') allowed.set(at, performance.now())
    if (done < calls.length / 2) return
    failing ??= (async () => {
      pair.replication.stall()
      from = performance.now()
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      await failover()
    })()
  })
  // A quick machine has sent them before the second is over.
  await failing
  return { allowed, from, answers }
}

const servers = [
  ['Redis', redis, startRedisPair],
  ['PostgreSQL', postgres, () => startPostgresPair({ synchronous: false })],
] as const

describe.each(servers)('RPL-08 four processes that share a server of %s', (name, service, startPair) => {
  const tell = (text: string): void => void process.stdout.write(`${name}, ${text}\n`)

  it('allow no call twice when the server loses all data, and new calls after twice the tolerance', async () => {
    if (isMissing(service)) return
    await withDeployment(startPair, async ({ verifiers, pair }) => {
      const calls = await makeCalls(count)
      const allowed = new Set<number>()
      let preparing: Promise<void> | undefined
      let preparedAt = Number.NaN
      await sendAll(verifiers, calls, (at, answer, done) => {
        if (answer === 'allowed') allowed.add(at)
        if (done < count / 2) return
        preparing ??= (async () => {
          await pair.loseAll()
          await new Promise((resolve) => setTimeout(resolve, 300))
          await pair.prepare(pair.port)
          preparedAt = performance.now()
        })()
      })
      await preparing
      expect(allowed.size).toBeGreaterThan(count * 0.4)
      const again: string[] = []
      await sendAll(verifiers, calls, (_, answer) => again.push(answer))
      // Calls of the time before are refused for ever, also those that were not used.
      expect(countOf(again)).toEqual({ replay_unknown: count })
      // The calls above took most of the time, on a busy machine.
      expect(await untilAllowed(verifiers[0] as Verifier)).toBeLessThan((2 * clockTolerance + 60) * 1_000)
      const waited = performance.now() - preparedAt
      tell(
        `all data lost: ${allowed.size} of ${count} calls allowed before, 0 again; a new call after ${waited.toFixed(0)} ms`,
      )
    })
  })

  it('allow no call twice when a replica without the last second of writes takes over with a new epoch', async () => {
    if (isMissing(service)) return
    await withDeployment(startPair, async (deployment) => {
      const { network, verifiers, pair } = deployment
      const calls = await makeCalls(count)
      const { allowed, from } = await loseLastSecond(deployment, calls, async () => {
        await pair.prepare(await failOver(deployment), Math.floor(Date.now() / 1000))
        network.heal()
      })
      const lost = [...allowed.values()].filter((time) => time > from).length
      expect(lost).toBeGreaterThan(0)
      const again: string[] = []
      await sendAll(verifiers, calls, (_, answer) => again.push(answer))
      expect(again.filter((answer) => answer === 'allowed')).toEqual([])
      const waited = await untilAllowed(verifiers[0] as Verifier)
      tell(
        `failover, new epoch: ${allowed.size} calls allowed, ${lost} of them lost, 0 allowed again; a new call ${waited.toFixed(0)} ms after them`,
      )
    })
  })

  it('can allow the calls of the last second twice without a new epoch, and no other', async () => {
    if (isMissing(service)) return
    await withDeployment(startPair, async (deployment) => {
      const calls = await makeCalls(count)
      const { allowed, from } = await loseLastSecond(deployment, calls, async () => {
        await failOver(deployment)
        deployment.network.heal()
      })
      const twice: number[] = []
      await sendAll(deployment.verifiers, calls, (at, answer) => {
        if (answer === 'allowed' && allowed.has(at)) twice.push(at)
      })
      // Replication is behind by some milliseconds while nothing fails.
      const before = twice.filter((at) => (allowed.get(at) as number) < from - 1_000)
      expect(before).toEqual([])
      expect(twice.length).toBeGreaterThan(0)
      tell(`failover, same epoch: ${allowed.size} calls allowed, ${twice.length} of them again, all of the last second`)
    })
  })
})
