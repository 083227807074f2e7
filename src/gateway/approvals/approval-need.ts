// node only: works with parts that use files
import type { Generation } from '../generation.ts'
import type { ApprovalNeed } from './approval-desk.ts'

/**
 * The approvers of a call: those of the rule for its tool, otherwise its owner and the approvers of the configuration.
 *
 * @returns why the gateway takes no request for it.
 */
export function needOf(
  { config, servers }: Pick<Generation, 'config' | 'servers'>,
  { command, subject }: { readonly command: string; readonly subject: string },
): ApprovalNeed | string {
  if (!config.subjects.some((one) => one === subject)) return 'the gateway does not act for this subject'
  const definition = [...servers.values()]
    .flatMap(({ commands }) => [...commands.values()])
    .find((one) => one.command === command)
  if (definition === undefined) return 'no accepted tool has this command'
  if (definition.approvals !== undefined) return definition.approvals
  return { approvers: [...new Set([subject, ...(config.approvals?.approvers ?? [])])], threshold: 1 }
}
