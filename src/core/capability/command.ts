/**
 * Commands: the actions that tokens permit, as paths. A shorter path covers a longer one, segment by segment.
 *
 * @module
 */

import { MalformedError } from '../../errors.ts'
import { quote } from '../../support/quote.ts'

declare const commandBrand: unique symbol

/**
 * A parsed command such as `/mail/send`. It is in normal form: two commands are the same if and only if their texts are
 * equal (UCAN 1.0.0, "Segment Structure"; here `spec/commands.md`).
 */
export type Command = `/${string}` & { readonly [commandBrand]: true }

/**
 * The command that covers every command of a subject. It has a name, so that one can search the code for this widest of
 * grants.
 */
export const anyCommand: Command = '/' as Command

/** Most characters of a command. */
const maxLength = 256
/** Most segments of a command. */
const maxSegments = 16

/**
 * Parses a command: `/` alone, or `/segment/segment` where a segment is one or more of `a-z 0-9 _ -`.
 *
 * @throws MalformedError (`CMD-01` form, `CMD-02` characters, `CMD-04` length).
 */
export function parseCommand(text: string): Command {
  if (typeof text !== 'string') throw new MalformedError('CMD-01', 'a command must be a string such as `/mail/send`')
  if (text === '/') return anyCommand
  if (text.length > maxLength) {
    throw new MalformedError('CMD-04', `command ${quote(text)} has more than ${maxLength} characters`, {
      kind: 'too_large',
    })
  }
  if (!text.startsWith('/')) throw new MalformedError('CMD-01', `command ${quote(text)} does not begin with a slash`)
  if (text.endsWith('/')) throw new MalformedError('CMD-01', `command ${quote(text)} ends with a slash`)
  const segments = text.slice(1).split('/')
  if (segments.length > maxSegments) {
    throw new MalformedError('CMD-04', `command ${quote(text)} has more than ${maxSegments} segments`, {
      kind: 'too_large',
    })
  }
  for (const segment of segments) checkSegment(segment, text)
  return text as Command
}

/** Whether {@link parseCommand} accepts `text`. */
export function isCommand(text: unknown): text is Command {
  if (typeof text !== 'string') return false
  try {
    parseCommand(text)
    return true
  } catch {
    return false
  }
}

/**
 * Whether authority over `proof` includes `command`: the same command, or one below it. Whole segments are compared:
 * `/crypto` covers `/crypto/sign` and does not cover `/cryptocurrency`.
 */
export function commandCovers(proof: Command, command: Command): boolean {
  // CMD-06
  if (proof === anyCommand) return true
  if (!command.startsWith(proof)) return false
  // CMD-05: after the text of the proof, the command ends or a new segment begins.
  return command.length === proof.length || command.charCodeAt(proof.length) === 0x2f
}

function checkSegment(segment: string, text: string): void {
  if (segment === '') throw new MalformedError('CMD-01', `command ${quote(text)} has an empty segment`)
  if (/^[a-z0-9_-]+$/.test(segment)) return
  throw new MalformedError('CMD-02', `command ${quote(text)} has characters other than a-z, 0-9, _ and -`)
}
