// node only: reads files
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'

/** A place that may contain a secret in the clear. */
export interface Place {
  /** For people: the path of a file, or the number of a process. */
  readonly name: string
  readonly kind: 'configuration' | 'backup' | 'history' | 'environment file' | 'process'
  /** The content, or the reason for which it is not searched. */
  readonly content: Buffer | string
}

/** The largest file that is searched, in bytes. */
const maxBytes = 67_108_864

/** Files of a user's home folder, by kind. The names of shells, clients and tools are theirs. */
const homeFiles: readonly (readonly [Place['kind'], readonly string[]])[] = Object.freeze([
  [
    'configuration',
    [
      ...[
        '.claude.json',
        '.claude/settings.json',
        '.claude/settings.local.json',
        '.codex/config.toml',
        '.cursor/mcp.json',
      ],
      '.config/Claude/claude_desktop_config.json',
      'Library/Application Support/Claude/claude_desktop_config.json',
      ...['.config/Code/User/mcp.json', '.config/Code/User/settings.json'],
      ...['Library/Application Support/Code/User/mcp.json', 'Library/Application Support/Code/User/settings.json'],
    ],
  ],
  [
    'history',
    [
      ...['.bash_history', '.zsh_history', '.history', '.sh_history', '.local/share/fish/fish_history'],
      ...['.python_history', '.node_repl_history', '.psql_history', '.codex/history.jsonl'],
    ],
  ],
  [
    'environment file',
    [
      ...['.env', '.envrc', '.profile', '.bash_profile', '.bash_login', '.bashrc', '.zshrc', '.zshenv', '.zprofile'],
      ...['.pam_environment', '.netrc', '.npmrc', '.config/fish/config.fish'],
    ],
  ],
])

/** The usual configurations of clients of a user. They may not exist. */
export function usualConfigs(home: string): readonly string[] {
  return (homeFiles[0]?.[1] ?? []).map((name) => join(home, name))
}

/** The files of a user that may still contain a secret: configurations, their backups, histories, `.env`. */
export async function* searchedFiles(home: string, configs: readonly string[]): AsyncGenerator<Place, void> {
  const seen = new Set<string>()
  async function* read(path: string, kind: Place['kind']): AsyncGenerator<Place, void> {
    if (seen.has(path)) return
    seen.add(path)
    const content = await contentOrReason(path)
    if (content !== undefined) yield { name: path, kind, content }
  }
  for (const [kind, names] of homeFiles) for (const name of names) yield* read(join(home, name), kind)
  const known = new Set([...configs, ...usualConfigs(home)])
  for (const path of known) {
    if (configs.includes(path)) yield* read(path, 'configuration')
    for (const backup of await backupsOf(path)) yield* read(backup, 'backup')
  }
  for (const folder of new Set(configs.flatMap((path) => [dirname(path), dirname(dirname(path))])))
    for (const name of await namesIn(folder))
      if (/^\.env(?:\.[\w.-]{1,64})?$|^\.envrc$/.test(name)) yield* read(join(folder, name), 'environment file')
}

/** Copies of a file beside it, by the usual names, and in the folder of backups of Claude Code. */
async function backupsOf(path: string): Promise<readonly string[]> {
  const name = basename(path)
  const beside = (await namesIn(dirname(path))).filter(
    (other) => other !== name && (other.startsWith(name) || other.startsWith(`.${name}.`)),
  )
  const folder = join(dirname(path), '.claude', 'backups')
  const own = name === '.claude.json' ? (await namesIn(folder)).map((other) => join(folder, other)) : []
  return [...beside.map((other) => join(dirname(path), other)), ...own]
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => [])
}

/** The content of a regular file that is not too large; undefined for anything else, which could block the reader. */
export async function contentOf(path: string): Promise<Buffer | undefined> {
  const found = await contentOrReason(path)
  return typeof found === 'string' ? undefined : found
}

/** The content of a file, or the reason for which it is not searched; undefined if the file does not exist. */
async function contentOrReason(path: string): Promise<Buffer | string | undefined> {
  try {
    const status = await stat(path)
    if (!status.isFile()) return undefined
    return status.size > maxBytes ? `it has more than ${maxBytes} bytes` : await readFile(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : `it cannot be read (${code})`
  }
}

/**
 * The environments of the processes of this user, except those of the servers that the gateway has started: these have
 * the secrets on purpose. Systems without `/proc` show none.
 *
 * @param gateway - the number of its process.
 */
export async function* searchedProcesses(gateway: number | undefined): AsyncGenerator<Place, void> {
  const parents = new Map<number, number>()
  for (const name of await namesIn('/proc')) {
    if (!/^[0-9]{1,10}$/.test(name)) continue
    const status = await contentOf(`/proc/${name}/stat`)
    parents.set(Number(name), Number(status?.toString().split(') ').at(-1)?.split(' ')[1] ?? 0))
  }
  for (const number of parents.keys()) {
    if (number === process.pid || isBelow(gateway, parents, number)) continue
    const content = await readFile(`/proc/${number}/environ`).catch(() => undefined)
    if (content !== undefined) yield { name: `process ${number}`, kind: 'process', content }
  }
}

function isBelow(gateway: number | undefined, parents: ReadonlyMap<number, number>, start: number): boolean {
  let at = parents.get(start)
  for (let depth = 0; depth < 64 && at !== undefined && at > 1; depth++) {
    if (at === gateway) return true
    at = parents.get(at)
  }
  return false
}
