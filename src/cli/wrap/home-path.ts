// node only: names folders
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import type { Host } from '../host.ts'

/** The home folder of the gateway. */
export function wrapHomePath(given: string | undefined, { env }: Host): string {
  const named = [given, env['PROCURA_HOME']].find((path) => path !== undefined && path !== '')
  if (named !== undefined) return resolve(named)
  const base = env['XDG_CONFIG_HOME']
  // The specification of XDG ignores relative paths.
  return join(base !== undefined && isAbsolute(base) ? base : join(env['HOME'] ?? homedir(), '.config'), 'procura')
}
