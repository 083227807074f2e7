// node only: writes files
import { createWriteStream, statSync } from 'node:fs'
import type { Readable } from 'node:stream'

/** The largest size of a file of standard error, in bytes. The rest is discarded. */
const maxBytes = 10 * 1024 * 1024

/**
 * Appends the standard error of a server to a file, which only this user can read. Characters that a terminal would obey are
 * escaped. GTW-14
 */
export function copyStderr(from: Readable, path: string): void {
  const file = createWriteStream(path, { flags: 'a', mode: 0o600 })
  let isFailed = false
  let room = maxBytes - sizeOf(path)
  file.on('error', () => {
    isFailed = true
  })
  from.setEncoding('utf8')
  from.on('data', (text: string) => {
    // The program must not wait for a reader, whatever happens to the file.
    if (isFailed || room <= 0) return
    const shown = escapeControls(text)
    room -= Buffer.byteLength(shown)
    file.write(shown)
  })
  from.on('error', () => undefined)
  from.on('close', () => void file.end())
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function escapeControls(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what is looked for
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
