// node only: connects to a socket
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { quietly } from '#support/quietly.ts'
import { quote } from '#support/quote.ts'
import { type ControlRequest, controlPlace, type RunningParts, type RunningStatus } from '../../gateway/wire/control.ts'
import { askGateway } from './ask-gateway.ts'
import { runningProcess } from './lock-gateway.ts'

/** The data of an answer. */
interface Answers {
  readonly status: RunningStatus
  readonly reload: RunningParts
  readonly tools: RunningParts
  readonly stop: true
  readonly revoked: readonly string[]
}

/**
 * The answer of a gateway: `done` with its data; `down` when it does not run, which is not an error; `refused` with its
 * reason, such as a fault of the configuration; `fault` when it cannot be asked.
 */
export type ControlAnswer<Request extends ControlRequest> =
  | { readonly state: 'done'; readonly data: Answers[Request] }
  | { readonly state: 'down' }
  | {
      readonly state: 'fault' | 'refused'
      readonly message: string
      /** The process that has the state of the gateway, and does not listen for its owner. */
      readonly running?: number | 'unknown'
    }

/** Milliseconds for an answer: a reload waits for the one before it, and for the tools of each server. */
const answerMs = Object.freeze({ status: 15_000, reload: 120_000, tools: 120_000, stop: 15_000, revoked: 15_000 })

/** The member of the answer that has its data. */
const members = Object.freeze({
  ...{ status: 'status', reload: 'reloaded', tools: 'taken' },
  ...{ stop: 'stopping', revoked: 'revoked' },
})

/**
 * Sends a request of the owner to the gateway that runs. A gateway that has the state and does not listen for its owner
 * is told from one that does not run.
 *
 * @param config - the path of `gateway.json`.
 * @param parameters - the other members of the request.
 */
export async function controlGateway<Request extends ControlRequest>(
  config: string,
  request: Request,
  parameters: object = {},
): Promise<ControlAnswer<Request>> {
  const answer = await sendControl(config, request, parameters)
  const running = answer.state === 'down' ? await runningProcess(await stateOf(config)) : undefined
  if (running === undefined) return answer
  const place = quote(controlPlace(config), 256)
  return {
    state: 'fault',
    running,
    message: `process ${running} has the state of the gateway and does not listen at ${place}, so it starts or ends; run this again`,
  }
}

/** Sends a request without the look at the state. */
export async function sendControl<Request extends ControlRequest>(
  config: string,
  request: Request,
  parameters: object = {},
): Promise<ControlAnswer<Request>> {
  const socket = controlPlace(config)
  const asked = await askGateway({ socket }, { procura: 1, control: request, ...parameters }, answerMs[request])
  if ('fault' in asked)
    return asked.isDown ? { state: 'down' } : { state: 'fault', message: `the gateway ${asked.fault}` }
  const { procura, error } = asked.answer
  const data = asked.answer[members[request]]
  if (procura === 1 && data !== undefined) return { state: 'done', data: data as Answers[Request] }
  const { message } = Object(error) as { readonly message?: unknown }
  return typeof message === 'string'
    ? { state: 'refused', message }
    : { state: 'fault', message: `an unknown program listens at ${quote(socket, 256)}; end it, and start the gateway` }
}

/** The file of the state of a gateway, also where the rest of its configuration is invalid. */
export async function stateOf(config: string): Promise<string> {
  const text = await readFile(config, 'utf8').catch(() => '')
  const { state } = Object(quietly(() => JSON.parse(text) as unknown)) as { readonly state?: unknown }
  const { file } = Object(state) as { readonly file?: unknown }
  return resolve(dirname(config), typeof file === 'string' ? file : 'state.db')
}
