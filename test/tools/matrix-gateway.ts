// node only: runs programs

/**
 * The program `procura` on a runtime: keys, a vault, a delegation, `serve` and `connect` between an MCP client and a
 * server with a secret, a kill of the gateway, and the audit log.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { makeWorld, type World } from '../../packages/cli/test/agents/world.ts'

/**
 * Runs it.
 *
 * @param program - the command line of `procura`.
 * @throws when a step has another result than it must have.
 */
export async function checkGateway(program: readonly string[]): Promise<void> {
  const world = await makeWorld(undefined, program)
  try {
    await world.startGateway()
    const first = await startClient(world)
    assert.match(await first.send('bob@example.com'), /sent: 200/)
    assert.match(await first.send('eve@evil.example'), /Denied \(policy_unsatisfied\)/)
    await world.killGateway()
    assert.match(await first.send('bob@example.com'), /the connection to the gateway ended/)
    first.stop()
    // The state and the log survive the kill.
    await world.startGateway()
    const second = await startClient(world)
    assert.match(await second.send('bob@example.com'), /sent: 200/)
    second.stop()
    await world.killGateway()
    assert.deepEqual(world.mails, Array(2).fill({ to: 'bob@example.com', accepted: true }))
    assert.match(runHook(world, program, 'eve@evil.example'), /"permissionDecision":"deny"/)
    assert.equal(runHook(world, program, 'bob@example.com'), '')
    const [command = '', ...words] = program
    const verified = spawnSync(command, [...words, 'audit', 'verify', join(world.home, 'log')], { encoding: 'utf8' })
    assert.equal(verified.status, 0, verified.stdout + verified.stderr)
  } finally {
    await world.killGateway()
    await world.stop()
  }
}

function runHook({ hook }: World, [command = '']: readonly string[], to: string): string {
  const call = { hook_event_name: 'PreToolUse', tool_name: 'mcp__mail__send', tool_input: { to }, tool_use_id: 'one' }
  const { stdout, stderr, status } = spawnSync(command, hook, { input: JSON.stringify(call), encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout
}

/** An MCP client with a session that has begun. */
async function startClient({
  servers,
}: World): Promise<{ readonly send: (to: string) => Promise<string>; readonly stop: () => void }> {
  const { command, args } = servers['mail'] as World['servers'][string]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] })
  const lines = createInterface({ input: child.stdout })
  let id = 0
  const ask = async (method: string, params: object): Promise<string> => {
    id += 1
    const own = id
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: own, method, params })}\n`)
    for (;;) {
      const [line] = (await once(lines, 'line', { signal: AbortSignal.timeout(20_000) })) as [string]
      if ((JSON.parse(line) as { readonly id?: unknown }).id === own) return line
    }
  }
  const clientInfo = { name: 'matrix', version: '1' }
  await ask('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
  return {
    send: (to) => ask('tools/call', { name: 'send', arguments: { to } }),
    stop: () => void child.kill('SIGKILL'),
  }
}
