// node only: HMAC

/**
 * A Redis client by its shape: ioredis, iovalkey and redis (node-redis) have it, each for one server and for a cluster.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { StoreError } from '../../errors.ts'
import { sleep } from '../../support/back-off.ts'
import type { OptionCheck } from '../../support/options.ts'
import { withMethod } from '../../support/options.ts'
import { watchSilence } from '../silence.ts'
import { surviveLosses } from '../survive-losses.ts'
import { isOpening, openConnectionOf } from './open-connection.ts'

/** A client of the kind of ioredis. */
export interface CallingRedisClient {
  call(command: string, ...parameters: readonly string[]): Promise<unknown>
}

/** A client of the kind of node-redis; one for a cluster has `masters`, and takes a key before the command. */
export interface SendingRedisClient {
  sendCommand(...parameters: readonly never[]): Promise<unknown>
}

/** A connected client. Its owner closes it. */
export type RedisStoreClient = CallingRedisClient | SendingRedisClient

/** A client with one of the two methods. */
export const redisClientCheck: OptionCheck = (value) =>
  withMethod('call')(value) === undefined || withMethod('sendCommand')(value) === undefined
    ? undefined
    : 'must be a client of ioredis, iovalkey or redis'

/** Sends a command. The first of its keys decides about the node of a cluster. */
export type SendCommand = (key: string, command: readonly string[]) => Promise<unknown>

/** Returns how commands are sent with a client. */
export function sendWith(client: RedisStoreClient): SendCommand {
  // A client of ioredis has a `sendCommand` too, which takes an object.
  if ('call' in client && typeof client.call === 'function') {
    return async (_, [command = '', ...parameters]) => client.call(command, ...parameters)
  }
  const sending = client as SendingRedisClient
  const send = (...parameters: readonly unknown[]): Promise<unknown> =>
    sending.sendCommand(...(parameters as readonly never[]))
  return 'masters' in client ? async (key, command) => send(key, false, command) : async (_, command) => send(command)
}

/** Runs a script on the server. All keys have one hash tag, so they are on one node of a cluster. */
export type RunScript = (script: Script, keys: readonly string[], values: readonly string[]) => Promise<unknown>

/** A script in Lua, and its SHA-1, by which a server knows it. */
export interface Script {
  readonly text: string
  readonly sha1: string
}

/** Makes a script. */
export function script(text: string): Script {
  return Object.freeze({ text, sha1: createHash('sha1').update(text).digest('hex') })
}

/** Milliseconds between two looks whether a client is connected. */
const looksMs = 10

/**
 * Returns how scripts are run with a client. A server that does not know a script, as after a restart, is sent its
 * text.
 *
 * A connection that is silent for half the time of an answer is closed, so that the client opens another one. The
 * scripts that wait are sent again, by the client or here: each has a name, by which the server recognizes a copy.
 *
 * @param timeoutMs - how long an answer may take, with the wait for a connection.
 */
export function scriptRunner(client: RedisStoreClient, timeoutMs: number): RunScript {
  const sendCommand = sendWith(client)
  surviveLosses(client)
  let closed = 0
  const silence = watchSilence({
    limitMs: timeoutMs / 2,
    mostMs: timeoutMs,
    connection: () => openConnectionOf(client)?.identity,
    onSilence() {
      closed += 1
      openConnectionOf(client)?.close()
    },
  })

  async function run({ text, sha1 }: Script, key: string, rest: readonly string[]): Promise<unknown> {
    try {
      return await sendCommand(key, ['EVALSHA', sha1, ...rest])
    } catch (cause) {
      if (!(cause instanceof Error) || !/NOSCRIPT/.test(cause.message)) throw cause
      return sendCommand(key, ['EVAL', text, ...rest])
    }
  }

  let opening: Promise<void> | undefined

  /**
   * Waits until the client has opened a connection. The client would keep commands, and send them when nobody waits.
   */
  async function untilOpen(isLate: () => boolean): Promise<void> {
    while (isOpening(client) && !isLate()) {
      opening ??= sleep(looksMs, new AbortController().signal).then(() => {
        opening = undefined
      })
      await opening
    }
    if (isLate()) throw new Error('the client is not connected')
  }

  return async (script, keys, values) => {
    const key = keys[0] as string
    const rest = [String(keys.length), ...keys, ...values]
    const before = closed
    let isLate = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        isLate = true
        reject(new Error(`timed out after ${timeoutMs} ms`))
      }, timeoutMs)
    })
    const send = async (): Promise<unknown> => {
      if (isOpening(client)) await untilOpen(() => isLate)
      return run(script, key, rest)
    }
    const ended = silence.sent()
    const answer = send().catch((cause) => {
      if (closed === before || isLate) throw cause
      return send()
    })
    try {
      return await Promise.race([answer, late])
    } catch (cause) {
      throw new StoreError('Redis did not answer; `cause` has the reason', { cause })
    } finally {
      clearTimeout(timer)
      ended(!isLate)
    }
  }
}
