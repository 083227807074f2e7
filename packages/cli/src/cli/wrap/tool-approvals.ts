// node only: works with parts that use files
import { checkServer, readToolName } from './grants.ts'
import type { ServerPlan } from './planned.ts'

/**
 * Adds the tools whose every call needs an approval to the definitions of their servers. APR-91
 *
 * @param tools - `TOOL`, `SERVER/TOOL`, or `*` in the place of the tool.
 * @throws UsageError when a tool is malformed, or names none of the servers.
 */
export function withApprovals(plans: readonly ServerPlan[], tools: readonly string[]): readonly ServerPlan[] {
  if (tools.length === 0) return plans
  const named = tools.map((text) => readToolName(text, '--approve'))
  const servers = plans.map(({ entry: { name } }) => ({ name }))
  for (const one of named) checkServer(one, servers)
  return plans.map((plan) => {
    const own = named.filter(({ server }) => (server ?? plan.entry.name) === plan.entry.name)
    if (own.length === 0) return plan
    const approvals = Object.fromEntries(own.map(({ tool }) => [tool ?? '*', {}] as const))
    return { ...plan, definition: { ...plan.definition, approvals } }
  })
}

/** The rules in words. */
export function describeApprovals(plans: readonly (ServerPlan & { readonly server: string })[]): readonly string[] {
  return plans.flatMap(({ server, definition: { approvals = {} } }) =>
    Object.keys(approvals).map((tool) => {
      const whole = tool === '*' ? `every tool of ${server}` : `the tool ${tool} of ${server}`
      return `each call of ${whole} needs an approval: answer with \`procura approve\``
    }),
  )
}
