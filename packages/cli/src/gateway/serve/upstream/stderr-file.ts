// node only: writes files
import { closeSync, constants, fchmodSync, fstatSync, openSync, writeSync } from 'node:fs'
import type { Readable } from 'node:stream'

/** The largest size of a file of standard error, in bytes. The rest is discarded. */
const maxBytes = 10 * 1024 * 1024

/** A file for the standard error of a server. */
export interface StderrFile {
  /** Appends a stream, until it ends. Characters that a terminal would obey are escaped. */
  copy(from: Readable): void
  /** For a program that was not started. */
  close(): void
}

/**
 * Opens a file for the standard error of a server, which only this user can read. The sessions of a server share it.
 * GTW-14
 *
 * @throws the error of the system when there is no such file, and none can be made.
 */
export function openStderrFile(path: string): StderrFile {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants
  // Without O_NONBLOCK, opening a named pipe waits for its reader.
  const file = openSync(path, O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_WRONLY, 0o600)
  let isOpen = true
  const close = (): void => {
    if (isOpen) closeSync(file)
    isOpen = false
  }
  try {
    if (!fstatSync(file).isFile()) throw Object.assign(new Error('not a regular file'), { code: 'EINVAL' })
    // A file that was there may be open to others.
    fchmodSync(file, 0o600)
  } catch (error) {
    close()
    throw error
  }

  /** The size is asked for each time: another session may have written in the meantime. */
  function append(text: string): void {
    const room = maxBytes - fstatSync(file).size
    if (room > 0) writeSync(file, Buffer.from(escapeControls(text)).subarray(0, room))
  }

  return {
    close,
    copy(from) {
      from.setEncoding('utf8')
      from.on('data', (text: string) => {
        // The program must not wait for a reader, whatever happens to the file.
        try {
          if (isOpen) append(text)
        } catch {
          close()
        }
      })
      from.on('error', () => undefined)
      from.on('close', close)
    },
  }
}

function escapeControls(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what is looked for
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
