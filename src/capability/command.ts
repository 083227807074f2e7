/**
 * Commands: what a token lets its holder do, as a path. A shorter path proves a longer one, segment by segment.
 *
 * @module
 */

import { MalformedError } from '../errors.ts'
import { quote } from '../support/quote.ts'

declare const commandBrand: unique symbol

/**
 * A parsed command such as `/mail/send`: it is in normal form, so two commands are the same exactly when their text is
 * (UCAN 1.0.0, "Segment Structure"; here `spec/commands.md`).
 */
export type Command = `/${string}` & { readonly [commandBrand]: true }

/**
 * The command that covers every command of a subject. It is written by this name, so that the wildest power there is
 * can be searched for.
 */
export const anyCommand: Command = '/' as Command

/** Characters of a command, at most. */
const maxLength = 256
/** Segments of a command, at most. */
const maxSegments = 16

/**
 * Reads a command: `/` alone, or `/segment/segment` where a segment is one or more of `a-z 0-9 _ -`.
 *
 * @throws MalformedError (`CMD-01` form, `CMD-02` characters, `CMD-04` length).
 */
export function parseCommand(text: string): Command {
  if (typeof text !== 'string') throw new MalformedError('CMD-01', 'a command is a string')
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

/** Whether `text` is a command that {@link parseCommand} takes. */
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
 * Whether authority over `proof` is authority over `command`: the same command, or one below it. Whole segments are
 * compared: `/crypto` covers `/crypto/sign` and does not cover `/cryptocurrency`.
 */
export function commandCovers(proof: Command, command: Command): boolean {
  // CMD-06
  if (proof === anyCommand) return true
  if (!command.startsWith(proof)) return false
  // CMD-05: the text that goes on after the proof begins a new segment, or there is none.
  return command.length === proof.length || command.charCodeAt(proof.length) === 0x2f
}

function checkSegment(segment: string, text: string): void {
  if (segment === '') throw new MalformedError('CMD-01', `command ${quote(text)} has an empty segment`)
  if (/^[a-z0-9_-]+$/.test(segment)) return
  throw new MalformedError('CMD-02', `command ${quote(text)} has characters other than a-z, 0-9, _ and -`)
}
