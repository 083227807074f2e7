import { calmly } from '../harness/calm.ts'
import { type Measurement, measure, quantile } from '../harness/measure.ts'
import type { Suite, SuiteOptions, Table } from '../harness/suite.ts'
import { number, timesTable } from '../harness/table.ts'
import { proxyBySupergateway } from '../peers/supergateway.ts'
import { instantGateway } from '../setup/instant-gateway.ts'
import { type McpPrograms, type McpSession, mcpPrograms, openMcpSession, type Program } from '../setup/mcp-programs.ts'

const atATime = 64

/** The cost of a gateway between a client and a server of MCP, over stdio: by `procura connect` and `procura serve`. */
export const suite: Suite = {
  name: 'mcp',
  async run(options) {
    const programs = await mcpPrograms()
    try {
      const calls = await callsThrough(programs, options)
      const starts = await measureStarts(programs, options.smoke ? 1 : 31)
      return {
        tables: [...calls.tables, starts.table],
        figures: { ...calls.figures, 'mcp start, ms': starts.added, 'mcp start / bare node': starts.ratio },
      }
    } finally {
      await programs.remove()
    }
  },
}

async function callsThrough(
  programs: McpPrograms,
  { effort, smoke, peers }: SuiteOptions,
): Promise<{ readonly tables: readonly Table[]; readonly figures: Readonly<Record<string, number>> }> {
  const rival = peers.has('supergateway') ? await proxyBySupergateway(programs.bare) : undefined
  const sessions: (readonly [name: string, session: McpSession])[] = []
  for (const [name, program] of [
    ['the server alone', programs.bare],
    ['behind procura', programs.gateway],
    ...(rival === undefined ? [] : [['behind supergateway', rival.program] as const]),
  ] as const) {
    sessions.push([name, await openMcpSession(program)])
  }
  // The first calls of a process are compiled, and not typical.
  for (let count = 0; count < (smoke ? 1 : 40); count++) for (const [, { call }] of sessions) await together(call)()
  const alone = await measure(
    sessions.map(([name, { call }]) => ({ name, run: call })),
    smoke ? effort : { rounds: 81, turnMs: 30 },
  )
  const many = await measure(
    sessions.map(([name, { call }]) => ({
      name: `${name}, ${atATime} at a time`,
      run: together(call),
      operations: atATime,
    })),
    smoke ? effort : { rounds: 41, turnMs: 60 },
  )
  await Promise.all(sessions.map(([, session]) => session.close()))
  await rival?.stop()
  const added = milliseconds(alone[1]) - milliseconds(alone[0])
  const perSecond = 1_000 / milliseconds(many[1])
  const notes = [
    `The gateway adds ${number(added)} ms to a call that waits for the one before, and takes ${number(perSecond)} calls a second with ${atATime} under way. It signs, decides, claims and records each call; the log has intent and outcome, synced to disk.`,
    ...(rival === undefined
      ? []
      : ['supergateway passes messages on by two processes and HTTP. It decides nothing and records nothing.']),
  ]
  return {
    tables: [timesTable('A call of a tool over stdio', [...alone, ...many], notes)],
    figures: {
      'mcp call, ms': added,
      'mcp call / supergateway': added / (milliseconds(alone[2]) - milliseconds(alone[0])),
      'mcp calls a second': perSecond,
      'mcp calls a second / supergateway': milliseconds(many[2]) / milliseconds(many[1]),
    },
  }
}

/** The start of `procura connect` without the start of the server, which its gateway starts, and with it. */
async function measureStarts(
  programs: McpPrograms,
  rounds: number,
): Promise<{ readonly table: Table; readonly added: number; readonly ratio: number }> {
  const instant = instantGateway(programs.home)
  try {
    const measured = await timeStarts(
      [
        ['a program of Node that only answers', instant.empty],
        ['procura connect, with a gateway that answers at once', instant.program],
        ['the server alone', programs.bare],
        ['procura connect and, by the gateway, the server', programs.gateway],
      ],
      rounds,
    )
    const [empty, connect, server, whole] = measured.map(milliseconds)
    const added = Number(connect) - Number(empty)
    const notes = [
      `\`procura connect\` takes ${number(added)} ms more than a program of Node. The gateway starts the server when it has connected: to the answer of the server, this takes ${number(Number(whole) - Number(server))} ms more than the server alone.`,
    ]
    const table = timesTable('Start a program of MCP, to the answer of its first request', measured, notes)
    return { table, added, ratio: measured[1]?.ratio ?? Number.NaN }
  } finally {
    instant.remove()
  }
}

function together(call: () => Promise<void>): () => Promise<unknown> {
  return () => Promise.all(Array.from({ length: atATime }, call))
}

/** The times from the start of a program to its first answer, in turns. Its end is not timed. */
async function timeStarts(
  programs: readonly (readonly [name: string, program: Program])[],
  rounds: number,
): Promise<readonly Measurement[]> {
  const times = programs.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [at, [, program]] of programs.entries()) {
      const started = await calmly(async () => {
        const start = performance.now()
        const session = await openMcpSession(program)
        const microseconds = (performance.now() - start) * 1_000
        await session.close()
        return microseconds
      })
      times[at]?.push(started)
    }
  }
  const [bases = []] = times
  return programs.map(([name], at) => {
    const own = times[at] ?? []
    const ratios = own.map((time, round) => time / Number(bases[round]))
    const quartiles = [quantile(own, 0.25), quantile(own, 0.75)] as const
    return { name, median: quantile(own, 0.5), quartiles, ratio: quantile(ratios, 0.5), operations: rounds }
  })
}

function milliseconds(measured: Measurement | undefined): number {
  return (measured?.median ?? Number.NaN) / 1_000
}
