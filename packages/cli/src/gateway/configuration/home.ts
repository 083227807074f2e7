// node only: names folders of the file system
import { readdir } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { ArgumentError } from 'procura/errors'
import { quote } from '#support/quote.ts'
import { userHome } from '../../support/user-home.ts'

/** The parts of the environment that name the home folder. */
export type HomeEnvironment = Readonly<Record<string, string | undefined>>

/**
 * The home folder of the gateway: the given one, else `PROCURA_HOME`, else `procura` in `XDG_CONFIG_HOME` or
 * `~/.config`.
 *
 * @param given - of the command line, if any.
 */
export function gatewayHome(given: string | undefined, env: HomeEnvironment): string {
  const named = [given, env['PROCURA_HOME']].find((path) => path !== undefined && path !== '')
  if (named !== undefined) return resolve(named)
  const base = env['XDG_CONFIG_HOME']
  // The specification of XDG ignores relative paths.
  return join(base !== undefined && isAbsolute(base) ? base : join(userHome(), '.config'), 'procura')
}

/** The form of the name of an agent; its folder has that name. */
const agentName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/

/** Whether a text has the form of the name of an agent. */
export function isAgentName(text: string): boolean {
  return agentName.test(text)
}

/** The next steps where the agent is not clear. */
interface AgentHints {
  readonly choose: string
  readonly make: string
}

const agentHints: AgentHints = Object.freeze({
  choose: '--agent',
  make: 'make the first one with `procura wrap` or `procura api add`',
})

/**
 * The folder of an agent.
 *
 * @param given - its name in the home folder, or a path that has a slash. Default: the only agent of the home folder.
 * @param hints - the next steps of the messages about several agents and about none.
 * @throws ArgumentError when the name is invalid, or none is given and the home folder does not have exactly one agent.
 */
export async function agentFolder(
  home: string,
  given: string | undefined,
  hints: AgentHints = agentHints,
): Promise<string> {
  const agents = join(home, 'agents')
  if (given === undefined) return join(agents, await onlyAgent(agents, hints))
  if (given.includes('/')) return resolve(given)
  if (isAgentName(given)) return join(agents, given)
  throw new ArgumentError(
    `the name of an agent must begin with a letter or a digit and have at most 32 letters, digits, _ and - (got ${quote(given)}); a path must contain a slash`,
  )
}

async function onlyAgent(agents: string, { choose, make }: AgentHints): Promise<string> {
  const entries = await readdir(agents, { withFileTypes: true }).catch(() => [])
  const [only, ...more] = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  if (only === undefined)
    throw new ArgumentError(`${quote(agents, 256)} has no agent; ${make}, or name another folder with --home`)
  if (more.length > 0)
    throw new ArgumentError(
      `${quote(agents, 256)} has ${1 + more.length} agents; choose one with ${choose}: ${[only, ...more]
        .sort()
        .slice(0, 16)
        .map((name) => quote(name))
        .join(', ')}`,
    )
  return only
}
