// node only: names folders of the file system
import type { RunningParts } from '../../gateway/wire/control.ts'
import { inMessage } from '../home/host-at-home.ts'
import type { Host } from '../host.ts'
import type { Flags } from '../verb.ts'

/** A line for each server and API of a running gateway. */
export function partLines({ servers, apis }: RunningParts, flags: Flags, host: Host): readonly string[] {
  return [
    ...apis.map(({ name, origin }) => `API ${name}: ${origin}`),
    ...servers.map(({ name, type, tools, waiting, fault }) => {
      const rest =
        waiting === 0 ? '' : inMessage(`, ${waiting} waiting; see \`procura tools list ${name}\``, flags, host)
      return `server ${name} (${type}): ${fault === undefined ? `${tools} ${tools === 1 ? 'tool' : 'tools'}${rest}` : `not available: ${inMessage(fault, flags, host)}`}`
    }),
  ]
}
