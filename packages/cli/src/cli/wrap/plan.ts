// node only: uses paths
import { realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import type { ServerEntry } from '../clients/config-document.ts'
import { type ConnectTarget, connectionOf } from './connect-line.ts'
import { planHttpServer } from './plan-http.ts'
import { emptyFolder, planStdioServer } from './plan-stdio.ts'
import type { Answer, PlanContext, ServerContext, ServerPlan, Unplanned } from './planned.ts'
import { expandReferences } from './references.ts'

/** Plans what happens to each server of a configuration. Nothing is written. */
export function planServers(
  servers: readonly ServerEntry[],
  context: PlanContext,
): { readonly plans: readonly ServerPlan[]; readonly others: readonly Unplanned[] } {
  const plans: ServerPlan[] = []
  const others: Unplanned[] = []
  for (const entry of servers) {
    if (context.only.size > 0 && !context.only.has(entry.name)) continue
    const answer = planServer(entry, context)
    if ('plan' in answer) plans.push({ entry, ...answer.plan })
    else if ('refusal' in answer) others.push({ entry, reason: answer.refusal, refused: true })
    else others.push({ entry, reason: answer.left, refused: false })
  }
  return { plans, others }
}

function planServer(entry: ServerEntry, context: PlanContext): Answer {
  const { value } = entry
  if (entry.fault !== undefined) return { refusal: entry.fault }
  const connected = connectionOf(value)
  if (connected !== undefined) return connectedAnswer(connected, context)
  const project = entry.project ?? projectOf(context.path, context.values.userHome)
  const workspaceFolder = project
  const server: ServerContext = {
    ...context,
    folder: project ?? emptyFolder(context.gateway.home),
    isProject: project !== undefined,
    expand: (text) => expandReferences(text, context.client.references, { ...context.values, workspaceFolder }),
  }
  const isStdio = typeof value['command'] === 'string'
  const isHttp = typeof value['url'] === 'string'
  if (isStdio === isHttp)
    return {
      refusal: isStdio ? 'it has `command` and `url`; remove one of the two' : 'it has neither `command` nor `url`',
    }
  return isStdio ? planStdioServer(value, server) : planHttpServer(value, server, context.only.has(entry.name))
}

/** The answer about a server that runs `procura connect`. WRP-36 */
function connectedAnswer(found: ConnectTarget, { path, gateway }: PlanContext): Answer {
  const { home, agent, env } = gateway
  const other = gatewayHome(found.home, env)
  if (wholePath(other) !== wholePath(home))
    return {
      refusal: `it is already behind the gateway of ${quote(other, 256)}; to move it behind the one of ${quote(home, 256)}, run \`procura unwrap ${shellQuoted(path)} --home ${shellQuoted(other)}\`, and wrap it again`,
    }
  if (agent !== undefined && found.agent !== undefined && agent !== found.agent)
    return {
      refusal: `it is already behind the gateway, as the agent ${quote(found.agent)}; to change the agent, run \`procura unwrap ${shellQuoted(path)}\`, and wrap it again`,
    }
  return { left: 'it is already behind the gateway' }
}

/** The folder of the project that a configuration file lies in, by the place of the file. */
export function projectOf(path: string, userHome: string): string | undefined {
  if (path.endsWith('/.mcp.json')) return dirname(path)
  const folder = dirname(path)
  return /\/\.(?:vscode|cursor|codex)$/.test(folder) ? projectFolder(dirname(folder), userHome) : undefined
}

/** The configuration in the home folder belongs to the user, and not to a project. */
function projectFolder(folder: string, userHome: string): string | undefined {
  return folder === wholePath(userHome) ? undefined : folder
}

/** The path of the configuration has no links and no trailing slash; `HOME` may have both. */
export function wholePath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}
