// node only: names folders of the file system
import { basename, dirname, resolve } from 'node:path'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { type CommandPlace, withPlace } from '../../support/command-place.ts'
import type { Host } from '../host.ts'
import { type Flags, textOf } from '../verb.ts'

/** A host whose messages name the home folder in each command, where it is not the default one. */
export function hostAtHome(host: Host, flags: Flags): Host {
  return { ...host, complain: (line) => host.complain(inMessage(line, flags, host)) }
}

/** The message with the home folder in its commands. Without a home folder of the user, they have none. */
export function inMessage(message: string, flags: Flags, { env }: Pick<Host, 'env'>): string {
  if (!message.includes('`procura ')) return message
  try {
    // PROCURA_HOME can be missing in the shell of the reader.
    const usual = gatewayHome(undefined, { XDG_CONFIG_HOME: env['XDG_CONFIG_HOME'] })
    return withPlace(message, placeOf(flags, env), usual)
  } catch {
    return message
  }
}

function placeOf(flags: Flags, env: Host['env']): CommandPlace {
  const given = textOf(flags, 'config')
  if (given === undefined) return { home: gatewayHome(textOf(flags, 'home'), env) }
  const config = resolve(given)
  return { home: dirname(config), ...(basename(config) !== 'gateway.json' && { config }) }
}
