// node only: names folders
import { quote } from '#support/quote.ts'
import type { GatewayServer } from '../home/gateway-server.ts'
import { emptyFolder } from './plan-stdio.ts'

/**
 * The fault of a program that starts with secrets in a folder other than the one of the gateway: an agent that writes
 * in it, for example in `node_modules/.bin` of its project, chooses the program. WRP-46
 */
export function startedIn(home: string, server: GatewayServer, secrets: object | undefined): string | undefined {
  if (server.type !== 'stdio' || Object.keys(secrets ?? {}).length === 0) return undefined
  const { cwd } = server
  if (cwd === undefined || cwd === emptyFolder(home)) return undefined
  return `starts in ${quote(cwd, 256)}, and an agent that can write there can change the program that gets its secrets`
}

/** The remedy. */
export const startElsewhere =
  'install the program in a folder that the agent cannot write, name it by an absolute path, and set `cwd` to such a folder'
