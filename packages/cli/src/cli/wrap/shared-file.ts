// node only: starts git
import { lstat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { quote } from '#support/quote.ts'
import { runProgram } from '../../support/run-program.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import type { DataObject, ServerEntry } from '../clients/config-document.ts'
import type { ConfigFile } from '../clients/config-file.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import type { Flags } from '../verb.ts'
import { connectionOf } from './connect-line.ts'
import { secretValuesIn } from './secrets-in-words.ts'
import { sortValue } from './sort-value.ts'

/** Prints a server of a file: the arguments are its path, and the name of the server. */
const printServer = `node -p 'JSON.stringify(require(process.argv[1]).mcpServers[process.argv[2]])'`

/**
 * Checks that a configuration is not one that people share by git: the command lines of `wrap` have paths of one
 * computer. A server of the same name in the user's own file goes before the one in `.mcp.json`. WRP-74
 *
 * @param servers - those that were chosen. Servers behind the gateway stay as they are, so they do not count.
 * @throws UsageError with the commands that wrap these servers for this user alone.
 */
export async function checkNotShared(
  { path, given = path }: Pick<ConfigFile, 'path'> & { readonly given?: string },
  servers: readonly ServerEntry[],
  flags: Flags,
  host: Pick<Host, 'env'>,
): Promise<void> {
  const open = servers.filter(({ value }) => connectionOf(value) === undefined)
  if (![path, given].some((one) => basename(one) === '.mcp.json') || open.length === 0) return
  const fault = await trackedBy(path, host.env)
  if (fault === undefined) return
  // Claude Code takes no other names, and other processes can read the words of a command.
  const names = open
    .filter(({ name, value }) => /^[A-Za-z0-9_-]{1,64}$/.test(name) && !hasSecret(value))
    .map(({ name }) => name)
  const rest = open.length === names.length ? '' : ' (those without a command here, by an editor)'
  const where = `cd ${shellQuoted(dirname(path))} && claude mcp add-json --scope local`
  const steps = names.map((name) => `\`${where} ${name} "$(${printServer} ${shellQuoted(path)} ${name})"\``)
  const chosen = names.map((name) => ` --server ${name}`).join('')
  throw new UsageError(
    [
      `${quote(path, 256)} ${fault}, so it stays as it is: the command lines of wrap have paths of this computer. Copy the servers into your own file${rest}, where they go before those of the project`,
      ...steps,
      `then wrap that file: \`procura wrap ~/.claude.json${chosen}${optionsOf(flags)}\``,
    ].join('; '),
  )
}

/** Whether a server has a secret in the clear, and not only references to variables. */
function hasSecret(value: DataObject): boolean {
  if (secretValuesIn(value).length > 0) return true
  const named = { secret: new Set<string>(), plain: new Set<string>() }
  return [value['env'], value['headers']].some((all) =>
    Object.entries(Object(all) as object).some(([name, one]) => {
      const literal = String(one).replace(/\$\{\w{1,200}\}/g, '')
      const isReference = literal !== one && /^(?:[A-Za-z]{1,20} )?$/.test(literal)
      return !isReference && sortValue(name, String(one), named).secret
    }),
  )
}

/** The options of this run for the next one, which would delegate more without them. */
function optionsOf(flags: Flags): string {
  const words = Object.entries(flags).flatMap(([name, value]) => {
    if (['server', 'client', 'home', 'dry-run', 'json'].includes(name)) return []
    if (value === true) return [` --${name}`]
    // The person pastes a change of the folder before.
    const isPath = name.endsWith('key-file')
    const texts = ([value].flat() as readonly string[]).map((text) => (isPath ? resolve(text) : text))
    return texts.map((text) => ` --${name} ${shellQuoted(text)}`)
  })
  return words.join('')
}

/** Why a file counts as one that git tracks. Undefined for any other. */
async function trackedBy(path: string, env: Host['env']): Promise<string | undefined> {
  if (!(await isInRepository(dirname(path)))) return undefined
  const words = ['-c', 'core.fsmonitor=false', '-C', dirname(path), 'ls-files', '--error-unmatch', '--', basename(path)]
  // The repository may come from somebody else: its configuration must start no program, also none that fetches missing
  // objects, for a git that does not know the variable against it. Variables may name another repository.
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('GIT_')))
  const quiet = { ...own, GIT_NO_LAZY_FETCH: '1', GIT_ALLOW_PROTOCOL: '', GIT_OPTIONAL_LOCKS: '0' }
  const code = await runProgram(['git', ...words], { env: quiet, ms: 10_000 }).then(
    (ended) => ended.code,
    () => undefined,
  )
  if (code === 0) return 'is shared by git'
  return code === 1 ? undefined : 'lies in a git repository, and git does not say whether it is shared'
}

async function isInRepository(folder: string): Promise<boolean> {
  const has = await lstat(join(folder, '.git')).then(
    () => true,
    () => false,
  )
  return has || (dirname(folder) !== folder && (await isInRepository(dirname(folder))))
}
