// node only: works with parts that use files
import { ArgumentError } from 'procura/errors'
import type { PinnedTool } from 'procura/mcp'
import { quote } from '#support/quote.ts'
import type { ToolApprovals } from '../../configuration/read-gateway-config.ts'
import type { ApprovalNeed } from './approval-queue.ts'

/** The name in the rules for every tool without a rule of its own. */
const everyTool = '*'

/**
 * The rule for a tool; undefined when its calls need no approvals.
 *
 * @param browsers - the keys of the page. They count where one approval by a usual approver is enough: with two, a
 *   person with a key in a file and one in a browser would count twice.
 */
export function approvalRule(
  tool: string,
  rules: ToolApprovals | undefined,
  browsers: readonly string[],
): ApprovalNeed | undefined {
  if (rules === undefined) return undefined
  const table = new Map(Object.entries(rules))
  const rule = table.get(tool) ?? table.get(everyTool)
  if (rule === undefined) return undefined
  const { approvers, threshold, usual } = rule
  return {
    approvers: usual === true && threshold === 1 ? [...new Set([...approvers, ...browsers])] : approvers,
    threshold,
  }
}

/**
 * Refuses a rule for a tool that does not exist: with a misspelt name, the calls of the tool would need no approval.
 *
 * @param tools - the accepted tools. Without any, nothing is known yet.
 * @throws ArgumentError with the name.
 */
export function checkApprovalNames(tools: readonly PinnedTool[], rules: ToolApprovals | undefined): void {
  const stray = Object.keys(rules ?? {}).find((name) => name !== everyTool && !tools.some((tool) => tool.name === name))
  if (tools.length > 0 && stray !== undefined)
    throw new ArgumentError(
      `\`approvals\` names the tool ${quote(stray)}, which is not an accepted tool; correct gateway.json`,
    )
}
