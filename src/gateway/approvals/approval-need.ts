// node only: works with parts that use files
import type { Generation } from '../generation.ts'
import type { ApprovalNeed } from './approval-desk.ts'

/** The approvers of a call of a tool, and the server of the tool. */
export interface ToolApprovalNeed extends ApprovalNeed {
  readonly server: string
}

/**
 * The approvers of a call: those of the rule for its tool, otherwise its owner, the approvers of the configuration and the keys
 * of the page.
 *
 * @returns why the gateway takes no request for it.
 */
export function needOf(
  { config, servers, browsers }: Pick<Generation, 'config' | 'servers' | 'browsers'>,
  { command, subject }: { readonly command: string; readonly subject: string },
): ToolApprovalNeed | string {
  if (!config.subjects.some((one) => one === subject)) return 'the gateway does not act for this subject'
  const [found] = [...servers].flatMap(([server, { commands }]) =>
    [...commands.values()].filter((one) => one.command === command).map(({ approvals }) => ({ server, approvals })),
  )
  if (found === undefined) return 'no accepted tool has this command'
  const { server, approvals } = found
  if (approvals !== undefined) return { ...approvals, server }
  return {
    server,
    approvers: [...new Set([subject, ...(config.approvals?.approvers ?? []), ...browsers])],
    threshold: 1,
  }
}
