import { ArgumentError } from 'procura/errors'
import { quote } from '#support/quote.ts'

/** The longest path of a socket, in bytes: the systems take 103 to 107. */
const maxBytes = 103

/**
 * Refuses a path that is too long for a socket. Systems report it as a missing file, or use a shorter path. GTW-29
 *
 * @throws ArgumentError with its length.
 */
export function checkSocketPath(path: string): void {
  const bytes = new TextEncoder().encode(path).length
  if (bytes > maxBytes)
    throw new ArgumentError(
      `the path of the socket ${quote(path, 256)} has ${bytes} bytes, and systems take at most ${maxBytes}; choose a shorter path, such as a home folder with a shorter name (--home)`,
    )
}
