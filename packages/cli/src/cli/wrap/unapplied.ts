import { shellQuoted } from '../../support/shell-quoted.ts'
import type { Host } from '../host.ts'
import { type Flags, textsOf } from '../verb.ts'
import { type ConnectTarget, connectionOf } from './connect-line.ts'
import type { Unplanned } from './planned.ts'

/** The options about a delegation, and about the tools of a server. */
const changing = [
  'policy',
  'tools',
  'type',
  'paths',
  'only',
  'approve',
  'allow',
  'accept-descriptions',
  'expires-in',
] as const

/** A person who wraps again to change a policy must not believe that it is changed. */
export function unapplied(others: readonly Unplanned[], flags: Flags, host: Host): 0 | 1 {
  const given = changing.filter((name) => flags[name] !== undefined)
  if (given.length === 0) return 0
  const options = given.map((name) => `--${name}`).join(', ')
  const next = others.flatMap(({ entry: { value } }) => {
    const found = connectionOf(value)
    return found === undefined ? [] : changes(found, flags)
  })
  const isSetting = given.some((name) => !['policy', 'tools', 'expires-in'].includes(name))
  const edit =
    'to change a type, a path, an approval, the only arguments, `allow` or `acceptDescriptions`, edit the server in gateway.json, and run'
  const steps = [...new Set(next), ...(isSetting && next.length > 0 ? [`${edit} \`procura reload\``] : [])]
  host.complain([`${options} had no effect, because no server is wrapped now`, ...steps].join('; '))
  return 1
}

/** The commands that change what an agent may do at a server that is behind the gateway. */
function changes({ server, agent }: ConnectTarget, flags: Flags): readonly string[] {
  const [policies, tools] = [textsOf(flags, 'policy'), textsOf(flags, 'tools').filter((tool) => tool !== '*')]
  const whose = agent === undefined ? '' : ` --agent ${agent}`
  // A message has each command in backticks.
  const texts = policies.some((text) => text.includes('`')) ? [] : policies
  const words = texts.map((text) => ` --policy ${shellQuoted(text)}`).join('')
  return [
    `to change a policy, run \`procura policy ${server}${whose}${words}\``,
    ...tools.map((tool) => {
      const name = tool.includes('/') ? tool.slice(tool.indexOf('/') + 1) : tool
      return `to add a tool, run \`procura allow ${shellQuoted(`${server}/${name}`)}${whose}\``
    }),
  ]
}
