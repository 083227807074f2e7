// node only: names folders of the file system
import process from 'node:process'
import { type CommandPlace, withPlace } from '../../support/command-place.ts'
import { gatewayHome } from './home.ts'

/** The message for a client of a gateway, whose commands name the home folder where it is not the default one. */
export function atHome(message: string, { home }: CommandPlace): string {
  if (home === undefined) return message
  return withPlace(message, { home }, gatewayHome(undefined, { XDG_CONFIG_HOME: process.env['XDG_CONFIG_HOME'] }))
}
