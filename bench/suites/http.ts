import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { calmly } from '../harness/calm.ts'
import { quantile } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { number } from '../harness/table.ts'
import { load } from '../peers/peer.ts'
import type { ServerReady, ServerUsage } from '../setup/http-server.ts'

/** How requests are sent: for how long in one turn, how many turns, over how many connections. */
interface Drive {
  readonly seconds: number
  readonly turns: number
  readonly connections: number
}

/** Every contender is under load for seven seconds, and one more to get warm. */
const bounded: Drive = { seconds: 1, turns: 7, connections: 32 }

interface Autocannon {
  default(options: Record<string, unknown>): Promise<{ readonly non2xx: number; readonly errors: number }>
}

interface Server {
  readonly name: string
  readonly child: ChildProcess
  readonly ready: ServerReady
  readonly turns: Turn[]
}

/** The figures of one turn of a server. */
interface Turn {
  readonly throughput: number
  /** Microseconds of processor time a request. */
  readonly cpu: number
  /** Milliseconds for which the event loop was busy. */
  readonly delay: number
  readonly longDelay: number
}

const node = 'procura, authorize'
const sodium = 'procura, sodium-native'

const needs: Readonly<Record<string, string | undefined>> = {
  'no check': undefined,
  [node]: undefined,
  'procura, authorizeSync': undefined,
  [sodium]: 'sodium-native',
  jose: 'jose',
  'iso-ucan': 'iso-ucan',
  ucanto: '@ucanto/validator',
}

/** A server under load on this machine, with its client on the same cores: what a service pays for a request. */
export const suite: Suite = {
  name: 'http',
  async run({ peers, smoke }) {
    const names = Object.keys(needs).filter((name) => needs[name] === undefined || peers.has(needs[name]))
    const servers: Server[] = []
    try {
      for (const name of names) servers.push(await start(name))
      if (smoke || !peers.has('autocannon')) {
        for (const server of servers) await askOnce(server)
        return { tables: [], figures: {} }
      }
      const { default: autocannon } = (await load('autocannon')) as Autocannon
      for (const server of servers) await drive(server, autocannon, { ...bounded, seconds: 1 })
      for (let turn = 0; turn < bounded.turns; turn++) {
        for (let at = 0; at < servers.length; at++) {
          const server = servers[(at + turn) % servers.length] as Server
          server.turns.push(await calmly(() => drive(server, autocannon, bounded)))
        }
      }
    } finally {
      for (const { child } of servers) child.disconnect()
    }
    const turnsOf = (name: string) => servers.find((server) => server.name === name)?.turns ?? []
    const median = (name: string, what: keyof Turn) =>
      quantile(
        turnsOf(name).map((turn) => turn[what]),
        0.5,
      )
    /** The median of the ratios to another server, turn by turn. */
    const ratio = (name: string, what: keyof Turn, other: string) => {
      const others = turnsOf(other)
      return quantile(
        turnsOf(name).map((turn, at) => turn[what] / (others[at]?.[what] ?? Number.NaN)),
        0.5,
      )
    }
    return {
      tables: [
        {
          title: 'A server of node:http under load, warm, depth 3',
          columns: [
            'what checks',
            'requests/s',
            'lowest – highest',
            'server CPU for each',
            'delay, median',
            'delay, p99',
          ],
          rows: servers.map(({ name, turns }) => [
            name,
            number(median(name, 'throughput')),
            `${number(Math.min(...turns.map(({ throughput }) => throughput)))} – ${number(Math.max(...turns.map(({ throughput }) => throughput)))}`,
            `${number(median(name, 'cpu'))} µs`,
            `${number(median(name, 'delay'))} ms`,
            `${number(median(name, 'longDelay'))} ms`,
          ]),
          notes: [
            `${bounded.connections} connections over loopback, ${bounded.turns} turns of ${bounded.seconds} s each. Client and server share the cores. iso-ucan finds its proofs in memory, as it has no container; the others get them with each request. The delay is that of the event loop, sampled each millisecond.`,
          ],
        },
      ],
      figures: {
        'http throughput / jose': ratio(node, 'throughput', 'jose'),
        'http throughput / ucanto': ratio(node, 'throughput', 'ucanto'),
        'http cpu / jose': ratio(node, 'cpu', 'jose'),
        'http cpu, sodium / jose': ratio(sodium, 'cpu', 'jose'),
        'http cpu, µs': median(node, 'cpu'),
        'http cpu, sodium, µs': median(sodium, 'cpu'),
        'http cpu, jose, µs': median('jose', 'cpu'),
      },
    }
  },
}

async function start(name: string): Promise<Server> {
  const file = fileURLToPath(new URL('../setup/http-server.ts', import.meta.url))
  const child = fork(file, [name], { serialization: 'advanced' })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the server of ${name} ended with ${code}`)
  })
  const [ready] = (await Promise.race([once(child, 'message'), ended])) as [ServerReady]
  ended.catch(() => undefined)
  return { name, child, ready, turns: [] }
}

/** Sends requests for a while. Rejects unless every one was answered with 204. */
async function drive(
  server: Server,
  autocannon: Autocannon['default'],
  { seconds, connections }: Drive,
): Promise<Turn> {
  await usageOf(server)
  const { port, bodies } = server.ready
  const start = performance.now()
  const { non2xx, errors } = await autocannon({
    url: `http://127.0.0.1:${port}`,
    connections,
    duration: seconds,
    // milliseconds: it looks as often whether its time is over
    sampleInt: 50,
    requests: bodies.map((body) => ({ method: 'POST', path: '/', body: Buffer.from(body) })),
  })
  if (non2xx + errors > 0) throw new Error(`${server.name} refused ${non2xx} requests and failed ${errors}`)
  const { requests, microseconds, delay } = await usageOf(server)
  const elapsed = (performance.now() - start) / 1_000
  return { throughput: requests / elapsed, cpu: microseconds / requests, delay: delay.median, longDelay: delay.p99 }
}

async function usageOf({ child }: Server): Promise<ServerUsage> {
  const answer = once(child, 'message')
  child.send('usage')
  const [usage] = (await answer) as [ServerUsage]
  return usage
}

async function askOnce({ name, ready: { port, bodies } }: Server): Promise<void> {
  const { status } = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: bodies[0] as BodyInit })
  if (status !== 204) throw new Error(`the server of ${name} answered ${status}`)
}
