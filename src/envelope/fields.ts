/**
 * Fields that delegations and invocations have in common, read from a decoded payload. Every reader refuses what
 * is not exactly of its type: a payload is never repaired.
 *
 * @module
 */

import { type Command, parseCommand } from '../capability/command.ts'
import { type Did, parseDid } from '../did/did.ts'
import { MalformedError } from '../errors.ts'
import { type IpldMap, type IpldValue, isMap } from '../ipld/value.ts'
import { quote } from '../support/quote.ts'
import { type Never, never, type Timestamp } from '../time.ts'
import { maximumNonceBytes } from './nonce.ts'

/** A decoded payload: a map without prototype. */
export type Payload = IpldMap

/** Refuses a payload that lacks a required field, or has one that the type does not know. */
export function checkFields(payload: Payload, required: readonly string[], optional: readonly string[]): void {
  // Nothing is inherited, and no decoded value is undefined.
  for (const name of required) {
    if (payload[name] === undefined) throw new MalformedError('TOK-01', `the payload lacks the field \`${name}\``)
  }
  let known = required.length
  for (const name of optional) if (payload[name] !== undefined) known += 1
  const names = Object.keys(payload)
  if (names.length > known) {
    const extra = names.find((name) => !required.includes(name) && !optional.includes(name))
    throw new MalformedError('TOK-02', `the payload has an unknown field ${quote(extra ?? '')}`)
  }
}

/** Reads a DID, by `parseDid` or by something that remembers what it gave. */
export function readDid(value: IpldValue | undefined, name: string, parse: (text: string) => Did = parseDid): Did {
  if (typeof value !== 'string') throw new MalformedError('TOK-03', `\`${name}\` is not a DID`)
  return parse(value)
}

/** Reads a command, by `parseCommand` or by something that remembers what it gave. */
export function readCommand(value: IpldValue | undefined, parse: (text: string) => Command = parseCommand): Command {
  if (typeof value !== 'string') throw new MalformedError('TOK-04', '`cmd` is not a command')
  return parse(value)
}

/** How texts that stand in many tokens are read: as here, or by something that remembers what it has read. */
export interface TextReaders {
  /** `parseDid` or the like. */
  readonly parseDid: (text: string) => Did
  /** `parseCommand` or the like. */
  readonly parseCommand: (text: string) => Command
}

/** Reads a time in whole seconds. */
export function readTimestamp(value: IpldValue | undefined, name: string): Timestamp {
  if (!Number.isSafeInteger(value)) {
    throw new MalformedError('TIM-01', `\`${name}\` is not a whole number of seconds`)
  }
  return value as Timestamp
}

/** Reads an expiry: a time, or `null` for none. */
export function readExpiration(value: IpldValue | undefined): Timestamp | Never {
  return value === null ? never : readTimestamp(value, 'exp')
}

/** Reads a nonce; how short it may be depends on the token and is asked elsewhere. */
export function readNonce(value: IpldValue | undefined): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length > maximumNonceBytes) {
    throw new MalformedError('TOK-05', `\`nonce\` is not at most ${maximumNonceBytes} bytes`)
  }
  return value
}

/** Reads a map that may be absent: `meta`. An empty one has no business on the wire since 1.0.0. */
export function readMeta(value: IpldValue | undefined, emptyAllowed: boolean): IpldMap | undefined {
  if (value === undefined) return undefined
  if (!isMap(value)) throw new MalformedError('TOK-06', '`meta` is not a map')
  if (!emptyAllowed && Object.keys(value).length === 0) {
    throw new MalformedError('TOK-07', '`meta` is empty and should have been left out')
  }
  return value
}

/** The map as it is written: not at all when it is absent or empty. */
export function writeMeta(meta: IpldMap | undefined): { readonly meta?: IpldMap } {
  return meta === undefined || (isMap(meta) && Object.keys(meta).length === 0) ? {} : { meta }
}
