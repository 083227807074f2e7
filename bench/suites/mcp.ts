import { type Contender, measure } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { number, timesTable } from '../harness/table.ts'
import { mcpPrograms, openMcpSession, type Program } from '../setup/mcp-programs.ts'

const atATime = 64

/** The cost of a gateway between a client and a server of MCP, over stdio: by `procura connect` and `procura serve`. */
export const suite: Suite = {
  name: 'mcp',
  async run({ effort, smoke }) {
    const programs = await mcpPrograms()
    const calls = smoke ? 64 : 20_000
    try {
      const [bare, gateway] = [await openMcpSession(programs.bare), await openMcpSession(programs.gateway)]
      const together = (call: () => Promise<void>) => () => Promise.all(Array.from({ length: atATime }, call))
      const measured = await measure(
        [
          { name: 'the server alone', run: bare.call },
          { name: 'behind the gateway', run: gateway.call },
          { name: `the server alone, ${atATime} at a time`, run: together(bare.call), operations: atATime },
          { name: `behind the gateway, ${atATime} at a time`, run: together(gateway.call), operations: atATime },
        ],
        smoke ? effort : { rounds: 41, turnMs: 60 },
      )
      const before = programs.memory()
      for (let count = 0; count < calls; count += atATime) await together(gateway.call)()
      const kept = (programs.memory() - before) / calls
      const starts = await measure(
        [startOf('the server alone', programs.bare), startOf('procura connect', programs.gateway)],
        smoke ? effort : { rounds: 21, turnMs: 1 },
      )
      await Promise.all([bare.close(), gateway.close()])
      const added = addedMs(measured[0]?.median, measured[1]?.median)
      const addedToStart = addedMs(starts[0]?.median, starts[1]?.median)
      return {
        tables: [
          timesTable('A call of a tool over stdio', measured, [
            `The gateway adds ${number(added)} ms to a call that waits for the one before. Its log has intent and outcome of each call, synced to disk. After ${number(calls)} calls it has ${number(kept)} bytes more for each, of which the replay store of a call in progress takes a part until the call expires.`,
          ]),
          timesTable('Start a program of MCP, to the answer of its first request', starts, [
            `\`procura connect\` adds ${number(addedToStart)} ms. That contains the start of the server by the gateway.`,
          ]),
        ],
        figures: { 'mcp call, ms': added },
      }
    } finally {
      await programs.remove()
    }
  },
}

function startOf(name: string, program: Program): Contender {
  return {
    name,
    run: async () => {
      const session = await openMcpSession(program)
      await session.close()
    },
  }
}

function addedMs(without = Number.NaN, withGateway = Number.NaN): number {
  return (withGateway - without) / 1000
}
