// node only: installs and runs programs

/**
 * `npm run test:agents`: Claude Code and Codex, as they are published, with models of ours, behind `procura connect`
 * and `procura serve`. In front of a server for mail, which needs the key of an API, and of the server for files of the
 * MCP project.
 *
 * The agents and the server come from npm into a cache folder: `PROCURA_MATRIX_CACHE`, or `procura-matrix` in the
 * user's.
 *
 * @module
 */

import { join } from 'node:path'
import { readPaths } from '../../packages/cli/test/agents/paths.ts'
import { claude, codex } from '../../packages/cli/test/agents/run-agent.ts'
import { scenarios } from '../../packages/cli/test/agents/scenarios.ts'
import { makeWorld } from '../../packages/cli/test/agents/world.ts'
import { setup as buildScripts } from '../setup/build.ts'
import { installPackages } from './install-packages.ts'

const packages = [
  '@anthropic-ai/claude-code@2.1.332',
  '@modelcontextprotocol/server-filesystem@2026.8.31',
  '@openai/codex@0.171.0',
]

const project = await installPackages('agents', packages)
buildScripts()

console.log(`with ${packages.join(', ')}`)
const modules = join(project, 'node_modules')
const binaries = join(modules, '.bin')
const world = await makeWorld(join(modules, '@modelcontextprotocol', 'server-filesystem', 'dist', 'index.js'))
const only = process.argv[2]
let failures = 0
try {
  await world.startGateway()
  if (only === undefined || 'paths'.includes(only)) {
    const { denied, failed, read } = await readPaths(world, 10_000)
    console.log(
      `ok     10,000 paths: nothing outside was read; ${denied} refused by the gateway, ${failed} by the server, ${read} read`,
    )
  }
  for (const agent of [await claude(binaries), await codex(binaries)]) {
    for (const [name, run] of scenarios) {
      if (only !== undefined && !`${agent.name} ${name}`.includes(only)) continue
      const begin = performance.now()
      const fault = await run(agent, world).then(
        () => undefined,
        (error: unknown) => error,
      )
      const seconds = ((performance.now() - begin) / 1_000).toFixed(1)
      console.log(`${fault === undefined ? 'ok    ' : 'FAILED'} ${agent.name}: ${name} (${seconds} s)`)
      if (fault === undefined) continue
      failures += 1
      console.log(fault)
    }
    await agent.model.stop()
  }
} finally {
  await world.killGateway()
  await world.stop()
}
if (failures > 0) process.exitCode = 1
