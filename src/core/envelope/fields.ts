/**
 * The fields that delegations and invocations share, read from a decoded payload. Every reader refuses a value that is
 * not exactly of its type: a payload is never repaired.
 *
 * @module
 */

import { MalformedError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'
import { type Never, never, type Timestamp } from '../../time.ts'
import { type Command, parseCommand } from '../capability/command.ts'
import { type Did, parseDid } from '../did/did.ts'
import { type IpldMap, type IpldValue, isMap } from '../ipld/value.ts'
import { maximumNonceBytes } from './nonce.ts'

/** A decoded payload: a map without prototype. */
export type Payload = IpldMap

/** Refuses a payload that lacks a required field, or has an unknown field. */
export function checkFields(payload: Payload, required: readonly string[], optional: readonly string[]): void {
  // A decoded map inherits nothing and has no undefined value.
  for (const name of required) {
    if (payload[name] === undefined) throw new MalformedError('TOK-01', `the payload has no field \`${name}\``)
  }
  let known = required.length
  for (const name of optional) if (payload[name] !== undefined) known += 1
  const names = Object.keys(payload)
  if (names.length > known) {
    const extra = names.find((name) => !required.includes(name) && !optional.includes(name))
    throw new MalformedError('TOK-02', `the payload has an unknown field ${quote(extra ?? '')}`)
  }
}

/** Reads a DID with `parseDid`, or with a cache of it. */
export function readDid(value: IpldValue | undefined, name: string, parse: (text: string) => Did = parseDid): Did {
  if (typeof value !== 'string') throw new MalformedError('TOK-03', `\`${name}\` must be a DID`)
  return parse(value)
}

/** Reads a command with `parseCommand`, or with a cache of it. */
export function readCommand(value: IpldValue | undefined, parse: (text: string) => Command = parseCommand): Command {
  if (typeof value !== 'string') throw new MalformedError('TOK-04', '`cmd` must be a command')
  return parse(value)
}

/** Parsers of strings that many tokens share. They may be caches. */
export interface TextReaders {
  /** `parseDid`, or a cache of it. */
  readonly parseDid: (text: string) => Did
  /** `parseCommand`, or a cache of it. */
  readonly parseCommand: (text: string) => Command
}

/**
 * Parsers for reading back a token that is made: a DID that its maker has parsed is not parsed again. A command is
 * parsed again, because it may come from a definition or a proof of the caller.
 *
 * @param dids - parsed DIDs.
 */
export function readersOfParsed(dids: readonly Did[]): TextReaders {
  return { parseDid: (text) => dids.find((did) => did === text) ?? parseDid(text), parseCommand }
}

/** Reads a time in whole seconds. */
export function readTimestamp(value: IpldValue | undefined, name: string): Timestamp {
  if (!Number.isSafeInteger(value)) {
    throw new MalformedError('TIM-01', `\`${name}\` must be an integer, in seconds`)
  }
  return value as Timestamp
}

/** Reads an expiry: a time, or `null` for a token that never expires. */
export function readExpiration(value: IpldValue | undefined): Timestamp | Never {
  return value === null ? never : readTimestamp(value, 'exp')
}

/** Reads a nonce. Its minimum length depends on the token and is checked elsewhere. */
export function readNonce(value: IpldValue | undefined): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length > maximumNonceBytes) {
    throw new MalformedError('TOK-05', `\`nonce\` must be at most ${maximumNonceBytes} bytes`)
  }
  return value
}

/** Reads `meta`, which may be absent. Since 1.0.0 an empty map is left out. */
export function readMeta(value: IpldValue | undefined, emptyAllowed: boolean): IpldMap | undefined {
  if (value === undefined) return undefined
  if (!isMap(value)) throw new MalformedError('TOK-06', '`meta` must be a map')
  if (!emptyAllowed && Object.keys(value).length === 0) {
    throw new MalformedError('TOK-07', '`meta` is empty; leave it out')
  }
  return value
}

/** The field `meta` as it is written: undefined, and left out, when it is absent or empty. */
export function writeMeta(meta: IpldMap | undefined): IpldMap | undefined {
  return meta !== undefined && isMap(meta) && Object.keys(meta).length === 0 ? undefined : meta
}
