// node only: writes to standard output

import { writeSync } from 'node:fs'

/** Says a line to whoever started this process, before anything else happens. A pipe that is full is waited for. */
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
