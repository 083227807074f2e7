// node only: writes to process.stdout
/**
 * Records as lines on standard output, for containers whose output is collected.
 *
 * @module
 */

import process from 'node:process'
import { AuditError } from '../../errors.ts'
import { maybe, nonEmptyString, readOptions, withDefault, withMethod } from '../../support/options.ts'
import { chainedSink } from '../chained-sink.ts'
import { type ChainedSinkOptions, chainChecks } from '../configuration.ts'
import type { AuditSink } from '../sink.ts'

/** The part of a Node stream that the sink uses. */
export interface LineStream {
  /** Writes the text, and calls back when the system has taken it, or with an error. */
  write(text: string, callback: (error?: Error | null) => void): boolean
  /** Listens for errors. Without a listener, an error would end the process. */
  on?(event: 'error', listener: (error: Error) => void): unknown
  /** Removes a listener. */
  off?(event: 'error', listener: (error: Error) => void): unknown
}

/** Options of {@link stdoutAuditSink}. */
export interface StdoutAuditSinkOptions extends ChainedSinkOptions {
  /** Where the lines go. Default `process.stdout`. */
  readonly stream?: LineStream
  /** The name in messages. Default `stdout`. */
  readonly name?: string
}

/**
 * Writes each record as one line. Each process begins a new chain. A record is confirmed when the system has taken it;
 * the collector of the output is responsible for keeping it. AUD-07
 *
 * @throws ArgumentError when an option is invalid.
 */
export function stdoutAuditSink(options: StdoutAuditSinkOptions = {}): AuditSink {
  const {
    // Not by `withDefault`: the first read of `process.stdout` opens it, also for a sink with another stream.
    stream = process.stdout,
    name,
    ...chain
  } = readOptions('stdoutAuditSink', options, {
    ...chainChecks,
    stream: maybe(withMethod('write')),
    name: withDefault(nonEmptyString, 'stdout'),
  })
  const write = (_record: unknown, line: string): Promise<void> =>
    new Promise((resolve, reject) => {
      stream.write(`${line}\n`, (cause) => {
        if (cause === undefined || cause === null) resolve()
        else reject(new AuditError('ERR_AUDIT_UNCONFIRMED', 'standard output did not take an audit record', { cause }))
      })
    })
  // After the collector has ended, each call that cannot be recorded is refused, and the process goes on.
  const onLoss = (): void => undefined
  stream.on?.('error', onLoss)
  const close = (): void => void stream.off?.('error', onLoss)
  return chainedSink({ name, durability: 'system', write, close }, chain)
}
