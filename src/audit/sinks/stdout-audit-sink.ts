// node only: writes to process.stdout
/**
 * Records as lines on standard output, for containers whose output is collected.
 *
 * @module
 */

import process from 'node:process'
import { AuditError } from '../../errors.ts'
import { maybe, nonEmptyString, readOptions, withMethod } from '../../support/options.ts'
import { type ChainedSinkOptions, chainedSink } from '../chained-sink.ts'
import { chainChecks } from '../configuration.ts'
import type { AuditSink } from '../sink.ts'

/** The part of a Node stream that is used. */
export interface LineStream {
  /** Takes the text, and calls back when it is handed to the system or could not be. */
  write(text: string, callback: (error?: Error | null) => void): boolean
  /** Listens for errors; unheard one would end the process. */
  on?(event: 'error', listener: (error: Error) => void): unknown
  /** Takes a listener away. */
  off?(event: 'error', listener: (error: Error) => void): unknown
}

/** Options of {@link stdoutAuditSink}. */
export interface StdoutAuditSinkOptions extends ChainedSinkOptions {
  /** Where the lines go. Default `process.stdout`. */
  readonly stream?: LineStream
  /** For messages. Default `stdout`. */
  readonly name?: string
}

/**
 * Writes each record as one line. The chain begins anew with each process. A record is confirmed when the system has
 * taken it; whether the collector keeps it is the collector's promise. AUD-07
 */
export function stdoutAuditSink(options: StdoutAuditSinkOptions = {}): AuditSink {
  const given = readOptions('audit log on standard output', options, {
    ...chainChecks,
    stream: maybe(withMethod('write')),
    name: maybe(nonEmptyString),
  })
  const { stream = process.stdout, name = 'stdout', ...chain } = given
  const write = (_record: unknown, line: string): Promise<void> =>
    new Promise((resolve, reject) => {
      stream.write(`${line}\n`, (cause) => {
        if (cause === undefined || cause === null) resolve()
        else reject(new AuditError('ERR_AUDIT_UNCONFIRMED', 'standard output did not take an audit record', { cause }))
      })
    })
  // The call that could not be recorded hears of it: when the collector has gone the others go on.
  const onLoss = (): void => undefined
  stream.on?.('error', onLoss)
  const close = (): void => void stream.off?.('error', onLoss)
  return chainedSink({ name, durability: 'system', write, close }, chain)
}
