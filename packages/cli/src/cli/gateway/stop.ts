// node only: ends a process
import process from 'node:process'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import type { Flags } from '../verb.ts'
import { controlGateway, stateOf } from './control.ts'
import { type RunningGateway, runningGateway } from './lock-gateway.ts'
import { configPlace } from './tools.ts'

/** Milliseconds for the end: calls in progress have 10 s, and programs that do not end a few more. */
const stopMs = 45_000

/** Milliseconds between two looks. */
const pollMs = 50

/**
 * `procura stop`: ends the gateway in order, and waits until it has ended. CLI-34
 *
 * @returns 0 also when it does not run; 1 when it has not ended in time.
 */
export async function stop(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('too many words; stop takes none')
  const isJson = flags['json'] === true
  const config = configPlace(flags, host)
  const state = await stateOf(config)
  const before = await controlGateway(config, 'status')
  const running = await runningGateway(state)
  if (running === undefined) {
    if (before.state !== 'down')
      throw new Error('message' in before ? before.message : 'the state of the gateway is elsewhere')
    if (isJson) host.print(JSON.stringify({ stopped: false }))
    else host.complain('the gateway does not run')
    return 0
  }
  if ((await controlGateway(config, 'stop')).state !== 'done') signalHolder(running)
  const calls = before.state === 'done' ? before.data.calls : undefined
  const what = calls === undefined ? 'it' : `${calls} ${calls === 1 ? 'call' : 'calls'} in progress`
  const deadline = performance.now() + stopMs
  // A service manager may start the next one at once.
  while ((await runningGateway(state))?.process === running.process) {
    if (performance.now() > deadline) {
      host.complain(
        `process ${running.process} has not ended within ${stopMs / 1_000} s; it waited for ${what}; run \`procura stop\` again, or end that process`,
      )
      return 1
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  if (isJson)
    host.print(JSON.stringify({ stopped: true, process: running.process, ...(calls !== undefined && { calls }) }))
  else host.print(`the gateway has ended: process ${running.process}${calls === undefined ? '' : `, after ${what}`}`)
  return 0
}

/** The holder of the lock of the state is the gateway, and its number counts in this namespace only. */
function signalHolder({ process: id, isNear }: RunningGateway): void {
  if (id === 'unknown' || !isNear)
    throw new Error(`process ${id} of another machine or container has the state of the gateway; end it there`)
  process.kill(id, 'SIGTERM')
}
