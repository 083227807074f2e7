// node only: writes to standard output

import { writeSync } from 'node:fs'

/** Writes a line to the parent process before this function returns; waits while the pipe is full. */
export function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`)
      return
    } catch (error) {
      if ((error as { readonly code?: string }).code !== 'EAGAIN') throw error
    }
  }
}
