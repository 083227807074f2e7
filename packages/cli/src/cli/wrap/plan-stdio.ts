// node only: looks at paths
import { existsSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { type Data, type DataObject, isObject } from '../clients/config-document.ts'
import type { GatewayServer } from '../home/gateway-server.ts'
import type { Answer, PlannedSecret, ServerContext, SortedValue } from './planned.ts'
import { refersTo } from './references.ts'
import { secretsInArgs } from './secrets-in-words.ts'
import { sortValue } from './sort-value.ts'

/** Plans a server that the client starts. */
export function planStdioServer(value: DataObject, context: ServerContext): Answer {
  if (value['envFile'] !== undefined)
    return { refusal: 'it reads `envFile`; move the variables of that file into `env`, and remove `envFile`' }
  const args = value['args'] ?? []
  if (!Array.isArray(args) || !args.every((word) => typeof word === 'string'))
    return { refusal: '`args` must be a list of strings' }
  const words = [String(value['command']), ...(args as readonly string[]), String(value['cwd'] ?? '')].map(
    context.expand,
  )
  const missing = words.flatMap((word) => word.missing)
  if (missing.length > 0) return { refusal: refersTo(missing, 'the command line') }
  if (words.some(({ filled }) => filled) && !context.keepsArgs)
    return {
      refusal:
        'its command line contains an environment variable or an input, which would be in the clear in gateway.json; pass --keep-args if it is not secret',
    }
  if (words.some(({ text }) => text.includes('\0')))
    return { refusal: 'its command line contains a null character, which no program can get' }
  const [command = '', ...rest] = words.map(({ text }) => text)
  if (command === '') return { refusal: 'its command is empty' }
  const cwd = rest.pop() ?? ''
  const line = rest
  if (command.includes('/') && !isAbsolute(command) && !context.isProject)
    return { refusal: 'its command is a relative path; write it as an absolute path' }
  const relative = context.isProject ? undefined : relativePathIn(line, cwd, context.values.userHome)
  if (relative !== undefined)
    return {
      refusal: `${relative} is a relative path, which starts at the folder of each session of the client; write the folder as an absolute path`,
    }
  // Some clients take a whole line there. A path of a program has no spaces and no assignments.
  const inCommand = /[\s=]/.test(command) ? secretsInArgs(command.split(/\s+/)) : []
  const found = [...inCommand.map(({ what }) => ({ where: '`command`', what })), ...secretsInArgs(line)]
  if (found.length > 0 && !context.keepsArgs) {
    const places = found.map(({ where, what }) => `${where} has ${what}`).join(', ')
    return {
      refusal: `${places}, and other processes can read arguments; pass it in an environment variable if the server has one, or pass --keep-args to leave it`,
    }
  }
  const variables = variablesOf(value, line, context)
  if ('refusal' in variables) return variables
  const { plain, secrets, sorted, notes } = variables
  const definition: GatewayServer = {
    type: 'stdio',
    command: absoluteCommand(command, context.folder),
    ...(line.length > 0 && { args: line }),
    cwd: cwd === '' ? context.folder : resolve(context.folder, cwd),
    ...(Object.keys(plain).length > 0 && { env: plain }),
  }
  const kept = found.map(({ where, what }) => `${what} stays in the clear, in ${where} of gateway.json`)
  return { plan: { definition, secrets, sorted, notes: [...notes, ...kept] } }
}

/**
 * The folder of a server that belongs to no project. It is empty: in the home folder of the user, a server that serves
 * its working directory would reach more than in the folder of a session. WRP-39
 */
export function emptyFolder(home: string): string {
  return join(home, 'work')
}

/** The place of a relative path in a command line. */
function relativePathIn(args: readonly string[], cwd: string, userHome: string): string | undefined {
  if (cwd !== '' && !isAbsolute(cwd)) return '`cwd`'
  const at = args.findIndex((word) => isRelativePath(word.replace(/^-{1,2}[\w.-]{1,100}=/, ''), userHome))
  return at < 0 ? undefined : `args[${at}]`
}

/** Words such as the name of a package have slashes too, so they count where such a file exists. */
function isRelativePath(word: string, userHome: string): boolean {
  if (/^\.{1,2}(?:[\\/]|$)/.test(word)) return true
  return word.includes('/') && !isAbsolute(word) && [userHome, '.'].some((folder) => existsSync(resolve(folder, word)))
}

type Variables =
  | { readonly refusal: string }
  | {
      readonly plain: Record<string, string>
      readonly secrets: readonly PlannedSecret[]
      readonly sorted: readonly SortedValue[]
      readonly notes: readonly string[]
    }

function variablesOf(value: DataObject, args: readonly string[], context: ServerContext): Variables {
  const given = givenVariables(value['env'], context)
  if (typeof given === 'string') return { refusal: given }
  const own = new Set(given.map(({ name }) => name))
  const names = namesIn(value['env_vars'], args).filter((name) => !own.has(name))
  const forwarded = forwardedVariables(names, context)
  if (typeof forwarded === 'string') return { refusal: forwarded }
  const plain: Record<string, string> = Object.create(null)
  const secrets: PlannedSecret[] = []
  const sorted: SortedValue[] = []
  for (const { name, text } of [...forwarded.found, ...given]) {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name))
      return { refusal: 'a name in `env` is not a valid name of a variable' }
    if (text.includes('\0')) return { refusal: `the variable ${name} contains a null character` }
    const sorting = sortValue(name, text, context.named)
    sorted.push({ name, ...sorting })
    if (sorting.secret) secrets.push({ name, value: text })
    else plain[name] = text
  }
  return { plain, secrets, sorted, notes: forwarded.notes }
}

function givenVariables(env: Data | undefined, context: ServerContext): string | readonly Variable[] {
  if (env === undefined || env === null) return []
  if (!isObject(env)) return '`env` is not an object'
  const variables: Variable[] = []
  for (const [name, given] of Object.entries(env)) {
    // VS Code unsets a variable whose value is null.
    if (given === null) continue
    if (typeof given === 'object') return `the variable ${name} is not a string`
    const { text, missing } = context.expand(String(given))
    if (missing.length > 0) return refersTo(missing, `the variable ${name}`)
    variables.push({ name, text })
  }
  return variables
}

interface Variable {
  readonly name: string
  readonly text: string
}

/**
 * The variables that a server gets from the environment of its client: `env_vars` of Codex, and `docker run -e NAME`.
 */
function namesIn(list: Data | undefined, args: readonly string[]): readonly string[] {
  const listed = Array.isArray(list) ? list.map((one) => (isObject(one) ? one['name'] : one)) : []
  const isContainer = args.includes('run')
  const passed = args.filter(
    (word, at) => isContainer && /^(?:-e|--env)$/.test(args[at - 1] ?? '') && /^[A-Za-z_][A-Za-z0-9_]*$/.test(word),
  )
  return [...new Set([...listed, ...passed])].filter((name) => typeof name === 'string')
}

function forwardedVariables(
  names: readonly string[],
  { values: { env } }: ServerContext,
): string | { readonly found: readonly Variable[]; readonly notes: readonly string[] } {
  if (names.length === 0) return { found: [], notes: [] }
  if (env === undefined)
    return `it gets ${names.join(', ')} from the environment of the client; pass --from-env to take the value from the environment of this command`
  const found = names.flatMap((name) => (env[name] === undefined ? [] : [{ name, text: env[name] as string }]))
  const notes = found.map(({ name }) => `the variable ${name} is also in the environment of the agent; remove it there`)
  return { found, notes }
}

/** An absolute path; a name without a slash is looked up by the system. */
function absoluteCommand(command: string, folder: string): string {
  return command.includes('/') && !isAbsolute(command) ? resolve(folder, command) : command
}
