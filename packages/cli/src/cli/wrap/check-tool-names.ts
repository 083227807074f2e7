// node only: reads files
import { seenTools } from '../doctor/check-tools.ts'
import type { WrapHome } from '../home/wrap-home.ts'
import { assertTool } from '../policy/assert-tool.ts'
import { type Flags, textsOf } from '../verb.ts'
import type { NamedPlan } from './apply-wrap.ts'
import { readToolName, readToolPolicy, type ToolName } from './grants.ts'

/**
 * Checks the tools that the options name against those that the gateway has seen of a server. A server that is new to
 * the gateway is not started for that: `doctor` reports its unknown tools later. WRP-84
 *
 * @throws UsageError when a server does not have one of the tools.
 */
export async function checkToolNames(
  home: string,
  servers: WrapHome['gateway']['servers'],
  plans: readonly NamedPlan[],
  flags: Flags,
): Promise<void> {
  const named: readonly ToolName[] = [
    ...textsOf(flags, 'policy').map(readToolPolicy),
    ...(['tools', 'approve'] as const).flatMap((option) =>
      textsOf(flags, option).map((text) => readToolName(text, `--${option}`)),
    ),
  ]
  for (const { entry, server } of plans) {
    const tools = servers.has(server) ? await seenTools(home, server) : undefined
    for (const one of named)
      if (one.tool !== undefined && (one.server ?? entry.name) === entry.name) assertTool(server, one.tool, tools)
  }
}
