// node only: reads and writes files
import { never, systemClock } from 'procura'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { toolCommand } from '../../gateway/wire/tool-command.ts'
import { seenTools } from '../doctor/check-tools.ts'
import type { Host } from '../host.ts'
import { readPolicyTexts } from '../tokens/policy-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, operandOf, textOf, textsOf } from '../verb.ts'
import { readToolName } from '../wrap/grants.ts'
import { assertTool } from './assert-tool.ts'
import type { PolicyPlan } from './plan-policy.ts'
import { changeAuthority } from './policy.ts'
import { gatewayWith, isWide, type ServerAuthority } from './server-authority.ts'

/** Seconds of the first delegation of an agent for a server: those of `wrap`. */
const firstLifetime = 30 * 86_400

/**
 * `procura allow SERVER/TOOL`: lets an agent call a tool that it cannot call now. CLI-39
 *
 * @returns as `policy` does.
 */
export async function allow(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const { server, tool } = readToolName(operandOf(words, 'the tool, as SERVER/TOOL'), 'the operand')
  if (server === undefined || tool === undefined)
    throw new UsageError('write SERVER/TOOL for one tool, such as mail/list')
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const gateway = await gatewayWith(home, server)
  const policy = readPolicyTexts(textsOf(flags, 'policy').map((text) => withoutTool(text, server, tool)))
  const command = toolCommand(server, tool)
  const tools = await seenTools(home, server)
  assertTool(server, tool, tools)
  const plan = async (authority: ServerAuthority): Promise<PolicyPlan> => {
    const { agent, did, current, strays } = authority
    const own = [...current, ...strays]
    if (own.some((one) => one.command === command || one.command === toolCommand(server) || isWide(one.command)))
      throw new UsageError(
        `the agent ${agent} may call the tool ${quote(tool)} of ${server} already; see its conditions with \`procura policy ${server} --agent ${agent}\``,
      )
    const others = current.map(({ expiration }) => (expiration === never ? never : expiration))
    const expiration = lastOf(others) ?? systemClock.now() + firstLifetime
    return { ended: [], before: [], next: [{ audience: did as never, command, policy, expiration }] }
  }
  const code = await changeAuthority({ home, server, gateway, flags, host }, plan)
  if (tools === undefined)
    host.complain(`the gateway has not seen the tools of ${server} yet; check the name of the tool ${quote(tool)}`)
  if (flags['dry-run'] !== true)
    host.complain('a client shows the tool when it lists its tools again: start its session anew')
  return code
}

/** The end of the other delegations for the server, the last one; undefined without any. */
function lastOf(ends: readonly (number | typeof never)[]): number | typeof never | undefined {
  if (ends.length === 0) return undefined
  return ends.includes(never) ? never : Math.max(...(ends as number[]))
}

/** The statement of a condition, whose tool is named already. */
function withoutTool(text: string, server: string, tool: string): string {
  const prefix = [`${server}/${tool}:`, `${tool}:`].find((one) => text.trimStart().startsWith(one))
  return prefix === undefined ? text : text.trimStart().slice(prefix.length).trim()
}
