// node only: works with parts that use files
import type { Command } from 'procura'
import type { HelloError } from '../../wire/hello.ts'
import { toolCommand } from '../../wire/tool-command.ts'
import { apiCommand } from '../api/api-command.ts'
import type { Snapshot } from '../snapshot.ts'
import type { ApprovalNeed } from './approval-queue.ts'
import { approvalRefused } from './kept-request.ts'

/** The approvers of a call, and the server of its tool, or its API. */
export interface CallApprovalNeed extends ApprovalNeed {
  readonly server: string
  /** The command of all of the server or API. */
  readonly whole: Command
}

/**
 * The approvers of a call: those of the rule for its tool, otherwise its owner, the approvers of the configuration and
 * the keys of the page. A call is of an accepted tool, or of an API. GTW-66
 */
export function needOf(
  { config, servers, apis, browsers }: Pick<Snapshot, 'config' | 'servers' | 'apis' | 'browsers'>,
  { command, subject }: { readonly command: string; readonly subject: string },
): CallApprovalNeed | HelloError {
  if (!config.subjects.some((one) => one === subject))
    return approvalRefused('the gateway does not act for this subject')
  const approvers = [...new Set([subject, ...(config.approvals?.approvers ?? []), ...browsers])]
  const api = [...apis.keys()].find((name) => apiCommand(name) === command)
  if (api !== undefined) return { server: api, whole: apiCommand(api), approvers, threshold: 1 }
  const [found] = [...servers].flatMap(([server, { commands }]) =>
    [...commands.values()].filter((one) => one.command === command).map(({ approvals }) => ({ server, approvals })),
  )
  if (found === undefined) return approvalRefused('no accepted tool and no API has this command')
  const { server, approvals } = found
  const whole = toolCommand(server)
  return { approvers, threshold: 1, ...approvals, server, whole }
}

/** Whether a command is of an accepted tool without a rule of approvals: the owner can permit more of its calls. */
export function canHaveScope({ servers }: Pick<Snapshot, 'servers'>, command: string): boolean {
  const tools = [...servers.values()].flatMap(({ commands }) => [...commands.values()])
  return tools.some((tool) => tool.command === command && tool.approvals === undefined)
}
