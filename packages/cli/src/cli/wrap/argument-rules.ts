// node only: works with parts that use files
import type { Policy, Statement } from 'procura/policy'
import { quote } from '#support/quote.ts'
import { argumentTypeNames } from '../../support/argument-type-names.ts'
import type { GatewayServer } from '../home/gateway-server.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textsOf } from '../verb.ts'
import { checkServer, type Grant, readToolName } from './grants.ts'
import type { ServerPlan } from './planned.ts'
import { hasSecretName } from './secret-name.ts'

/** The rules of a server for the arguments of its tools. */
export type ArgumentRules = Pick<GatewayServer, 'paths' | 'types' | 'only'>

/**
 * Adds the types of arguments, and the closed arguments of tools, to the definition of the server. WRP-16
 *
 * @throws UsageError when an option is malformed, or several servers are wrapped: a name that no tool of a server has
 *   makes its tools unusable.
 */
export function withArgumentRules(plans: readonly ServerPlan[], flags: Flags): readonly ServerPlan[] {
  const paths = textsOf(flags, 'paths')
  const types = Object.fromEntries(textsOf(flags, 'type').map(readType))
  const only = Object.fromEntries(textsOf(flags, 'only').map((text) => readOnly(text, plans)))
  const rules: ArgumentRules = {
    ...(paths.length > 0 && { paths }),
    ...(Object.keys(types).length > 0 && { types }),
    ...(Object.keys(only).length > 0 && { only }),
  }
  const [option] = Object.keys(rules)
  if (option === undefined) return plans
  if (plans.length > 1)
    throw new UsageError(`--${option === 'types' ? 'type' : option} is for one server; choose it with --server`)
  return plans.map((plan) => ({ ...plan, definition: { ...plan.definition, ...rules } }))
}

/** Reads `NAME=TYPE`. */
function readType(text: string): readonly [string, string] {
  const at = text.lastIndexOf('=')
  const type = argumentTypeNames.find((name) => name === text.slice(at + 1))
  if (at < 1 || type === undefined)
    throw new UsageError(
      `--type must be an argument and its type, such as to=email (got ${quote(text)}); the types are ${argumentTypeNames.join(', ')}`,
    )
  return [text.slice(0, at), type]
}

/** Reads `TOOL: NAME, NAME`. */
function readOnly(text: string, plans: readonly ServerPlan[]): readonly [string, readonly string[]] {
  const colon = text.indexOf(':')
  const names = text
    .slice(colon + 1)
    .split(',')
    .map((name) => name.trim())
  if (colon < 1 || names.includes(''))
    throw new UsageError('--only must be a tool and its arguments, such as "send: to, subject, body"; * is every tool')
  const tool = readToolName(text.slice(0, colon).trim(), '--only')
  checkServer(
    tool,
    plans.map(({ entry: { name } }) => ({ name })),
  )
  return [tool.tool ?? '*', names]
}

/**
 * The plans, with the arguments that the policies of their tools name as those that the log has in clear. An argument
 * whose name suggests a secret is not among them. WRP-78
 */
export function withShown<Plan extends { readonly server: string; readonly definition: GatewayServer }>(
  plans: readonly Plan[],
  grants: readonly Grant[],
): readonly Plan[] {
  return plans.map((plan) => {
    const show = new Map<string, readonly string[]>()
    for (const { tool = '*', names } of shownIn(grants.filter(({ server }) => server === plan.server)))
      show.set(tool, [...new Set([...(show.get(tool) ?? []), ...names])])
    if (show.size === 0) return plan
    return { ...plan, definition: { ...plan.definition, show: bothShown(show, plan.definition.show) } }
  })
}

/** The arguments of both; none of a tool for which `gateway.json` has an empty list. */
function bothShown(
  added: ReadonlyMap<string, readonly string[]>,
  known: GatewayServer['show'] = {},
): Readonly<Record<string, readonly string[]>> {
  const before = new Map(Object.entries(known))
  const both = [...added].map(([tool, names]) => {
    const earlier = before.get(tool)
    return [tool, earlier?.length === 0 ? [] : [...new Set([...(earlier ?? []), ...names])]] as const
  })
  return { ...known, ...Object.fromEntries(both) }
}

/** The arguments of calls that the log has in clear, for people. */
export function describeShown(
  plans: readonly { readonly server: string; readonly definition: Pick<GatewayServer, 'show'> }[],
): readonly string[] {
  return plans.flatMap(({ server, definition: { show = {} } }) =>
    Object.entries(show).flatMap(([tool, names]) => {
      const of = tool === '*' ? `every tool of ${server}` : `${tool} of ${server}`
      return names.length === 0 ? [] : [`the log has ${names.map((name) => `.${name}`).join(', ')} of calls of ${of}`]
    }),
  )
}

function shownIn(
  grants: readonly Grant[],
): readonly { readonly tool: string | undefined; readonly names: readonly string[] }[] {
  return grants.flatMap(({ tool, policy }) => {
    const names = policy.flatMap((statement) => argumentsIn(statement)).filter((name) => !hasSecretName(name))
    return names.length === 0 ? [] : [{ tool, names }]
  })
}

/** Warnings about conditions that limit less than they seem to: the policy compares strings, or names few arguments. */
export function ruleWarnings(grants: readonly Grant[], rulesOf: (server: string) => ArgumentRules): readonly string[] {
  return [
    ...new Set(
      grants.flatMap(({ server, tool, policy }) => {
        const { only, ...rules } = rulesOf(server)
        const names = [...new Set(policy.flatMap((statement) => argumentsIn(statement)))]
        const closed = only !== undefined && (Object.hasOwn(only, tool ?? '*') || Object.hasOwn(only, '*'))
        const shown = names.map((name) => `.${name}`).join(', ')
        return [
          ...untypedArguments(policy, rules).map(({ name, fault, type }) => `warning: \`.${name}\` ${fault}; ${type}`),
          ...(names.length === 0 || closed
            ? []
            : [
                `warning: the policy for ${tool ?? 'every tool'} of ${server} is about ${shown}, and a call may have any other argument, such as a second recipient; close them with --only "${tool ?? '*'}: ${[...names, '…'].join(', ')}"`,
              ]),
        ]
      }),
    ),
  ]
}

/** A pattern on an argument that is compared as a string. */
export interface UntypedArgument {
  /** Its name; for a part of it, the selector without the first dot. */
  readonly name: string
  /** Whether it is about a part of the argument, which has no type. */
  readonly isPart: boolean
  readonly fault: string
  /** The option of `wrap` that gives it a type. */
  readonly type: string
}

/** The arguments without a type whose pattern matches values that it does not mean. */
export function untypedArguments(
  policy: Policy,
  { types = {}, paths = [] }: ArgumentRules,
): readonly UntypedArgument[] {
  const found = new Map<string, UntypedArgument>()
  for (const [selector, pattern] of policy.flatMap((statement) => patternsIn(statement))) {
    const name = nameIn(selector)
    if (name === undefined) continue
    const isPart = isInside(selector)
    const isTyped = !isPart && (Object.hasOwn(types, name) || paths.includes(name))
    const fault = isTyped ? undefined : faultOf(name, pattern)
    const type = isPart ? { type: partRemedy } : {}
    // One pattern of several is enough: in `or`, each of them permits a call.
    const shown = isPart ? selector.replace(/^\./, '') : name
    if (fault !== undefined && !found.has(shown)) found.set(shown, { name: shown, isPart, ...fault, ...type })
  }
  return [...found.values()]
}

/** The remedy for a pattern on a part of an argument. */
export const partRemedy = 'a type is for a whole argument, so compare this part with =='

/** Whether a selector goes on behind the name of the argument. A type is for the elements of a list, too. */
function isInside(selector: string): boolean {
  return /^(?:[A-Za-z_]\w{0,127}|\["[^"\\]{1,128}"\])(?:\[[0-9:-]*\])?(?:\.|\[")/.test(selector.replace(/^\./, ''))
}

function faultOf(name: string, pattern: string): Omit<UntypedArgument, 'name' | 'isPart'> | undefined {
  if (pattern.includes('://'))
    return { fault: 'is compared as a string, and a URL has many spellings', type: `pass --type ${name}=url` }
  if (pattern.startsWith('*') || (pattern.includes('*') && pattern.includes('@'))) {
    const type = pattern.includes('@') ? 'email' : 'TYPE'
    const more = type === 'TYPE' ? `, where TYPE is one of ${argumentTypeNames.join(', ')}` : ''
    return {
      fault: `is compared as a string, so \`*\` also matches other values, in a list or on another line`,
      type: `pass --type ${name}=${type}${more}`,
    }
  }
  return pattern.includes('/')
    ? {
        fault: 'is compared as a string, so that `/../` in it leaves the folder',
        type: `if it is a path, pass --paths ${name}`,
      }
    : undefined
}

/** The selectors that a policy compares with patterns, each with a pattern. */
function patternsIn(part: unknown): readonly (readonly [string, string])[] {
  if (!Array.isArray(part)) return []
  const [operator, selector, pattern] = part as readonly unknown[]
  if (operator === 'like' && typeof selector === 'string' && typeof pattern === 'string') return [[selector, pattern]]
  return part.flatMap((inner: unknown, at) => insideOf(operator, selector, inner, at))
}

/** A condition on each element of a list is about the argument that contains the list. */
function insideOf(
  operator: unknown,
  selector: unknown,
  inner: unknown,
  at: number,
): readonly (readonly [string, string])[] {
  if ((operator !== 'all' && operator !== 'any') || at !== 2 || !Array.isArray(inner)) return patternsIn(inner)
  const [first, element, pattern] = inner as readonly unknown[]
  return first === 'like' && element === '.' ? patternsIn(['like', selector, pattern]) : patternsIn(inner)
}

/** The arguments that a statement is about. Inside `all` and `any`, selectors begin at an element. */
export function argumentsIn(statement: Statement): readonly string[] {
  switch (statement[0]) {
    case 'and':
    case 'or':
      return statement[1].flatMap((one) => argumentsIn(one))
    case 'not':
      return argumentsIn(statement[1])
    default:
      return typeof statement[1] === 'string' ? [nameIn(statement[1])].filter((name) => name !== undefined) : []
  }
}

function nameIn(selector: string): string | undefined {
  return /^\.([A-Za-z_][A-Za-z0-9_]{0,127})/.exec(selector)?.[1] ?? /^\.?\["([^"\\]{1,128})"\]/.exec(selector)?.[1]
}
