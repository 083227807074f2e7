// node only: connects to a socket
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import type { Flags } from '../verb.ts'
import { controlGateway } from './control.ts'
import { partLines } from './part-lines.ts'
import { configPlace } from './tools.ts'

/**
 * `procura reload`: lets the running gateway take its configuration again, and prints its servers and APIs. CLI-31
 *
 * @returns 1 when it does not run, or goes on with the configuration of before.
 */
export async function reload(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('too many words; reload takes none')
  const answer = await controlGateway(configPlace(flags, host), 'reload')
  if (answer.state === 'fault') throw new Error(answer.message)
  if (flags['json'] === true) host.print(JSON.stringify(resultOf(answer)))
  if (answer.state === 'done') {
    if (flags['json'] !== true) for (const line of partLines(answer.data, flags, host)) host.print(line)
    host.complain('the gateway took the new configuration')
    return 0
  }
  host.complain(
    answer.state === 'down'
      ? 'the gateway does not run; start it with `procura start`'
      : `the gateway goes on with the configuration of before: ${answer.message}`,
  )
  return 1
}

function resultOf(answer: Exclude<Awaited<ReturnType<typeof controlGateway<'reload'>>>, { state: 'fault' }>): object {
  if (answer.state === 'done') return { reloaded: true, ...answer.data }
  return { reloaded: false, ...(answer.state === 'refused' && { reason: answer.message }) }
}
