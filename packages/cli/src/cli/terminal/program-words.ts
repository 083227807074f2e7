// node only: reads the command line of the process
import { realpathSync } from 'node:fs'
import process from 'node:process'
import type { Host } from '../host.ts'

/** The words that start this program, with absolute paths: others may start it in any folder. */
export function programOf({ program }: Pick<Host, 'program'>): readonly string[] {
  if (program !== undefined) return program
  const [, script = ''] = process.argv
  return [process.execPath, realpathSync(script)]
}
