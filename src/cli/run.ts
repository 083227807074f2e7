// node only: parses a command line
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ProcuraError } from '../errors.ts'
import { auditCommand } from './audit.ts'
import type { Host } from './host.ts'
import { printableHost } from './printable.ts'
import { UsageError, usage } from './usage.ts'
import { vaultCommand } from './vault.ts'

const text = { type: 'string' } as const
const texts = { type: 'string', multiple: true } as const
const flag = { type: 'boolean' } as const

/** Every option in one table, because options may come before the verb. */
const options = {
  file: text,
  'key-file': text,
  'new-key-file': text,
  origin: texts,
  bearer: flag,
  header: text,
  query: text,
  method: texts,
  'path-prefix': text,
  'allow-header': texts,
  command: texts,
  subject: texts,
  leasable: flag,
  bytes: flag,
  prefix: text,
  sequence: text,
  hash: text,
  product: text,
  vendor: text,
  json: flag,
  help: flag,
  version: flag,
} as const

const vaultFile = ['file', 'key-file'] as const
const rules = ['origin', 'bearer', 'header', 'query', 'method', 'path-prefix', 'allow-header', 'command', 'subject']

/** The options of each verb. An option of another verb is refused, because the caller expects it to have an effect. */
const optionsOf: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ['vault put', [...vaultFile, ...rules, 'leasable', 'bytes']],
  ['vault rotate', [...vaultFile, 'bytes']],
  ['vault list', [...vaultFile, 'json']],
  ['vault remove', vaultFile],
  ['vault change-key', [...vaultFile, 'new-key-file']],
  ['vault new-key', ['key-file']],
  ['audit verify', ['prefix', 'sequence', 'hash', 'json']],
  ['audit open', ['prefix', 'json']],
  ['audit ocsf', ['prefix', 'product', 'vendor', 'json']],
])

/**
 * Runs the program with the words of its command line.
 *
 * @returns the exit code: 0 for success, 1 when the answer is negative (a log was modified, a credential is missing),
 * 2 when the command is invalid or failed.
 */
export async function run(words: readonly string[], outside: Host): Promise<number> {
  const host = printableHost(outside)
  try {
    const { values, positionals } = parse(words)
    if (values.version === true) return printVersion(host)
    const [noun, ...rest] = positionals
    if (values.help === true || noun === undefined) {
      for (const line of usage.trimEnd().split('\n')) host.print(line)
      return values.help === true ? 0 : 2
    }
    checkVerb(`${noun} ${rest[0]}`, Object.keys(values))
    if (noun === 'vault') return await vaultCommand(rest, values, host)
    if (noun === 'audit') return await auditCommand(rest, values, host)
    throw new UsageError('unknown command; use vault or audit')
  } catch (error) {
    if (error instanceof UsageError) host.complain(`procura: ${error.message}; see procura --help`)
    else if (error instanceof ProcuraError) host.complain(`procura: ${error.message} (${error.code})`)
    else host.complain(`procura: ${reasonOf(error)}`)
    return 2
  }
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], allowPositionals: true, options })
  } catch (error) {
    throw new UsageError(reasonOf(error).replaceAll('\n', ' '))
  }
}

/** Refuses options that a verb does not take. An unknown verb is refused by its command. */
function checkVerb(verb: string, given: readonly string[]): void {
  const taken = optionsOf.get(verb)
  const other = given.find((name) => taken?.includes(name) === false)
  if (other !== undefined) throw new UsageError(`${verb} does not take --${other}`)
}

function printVersion(host: Host): number {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  host.print(manifest.version)
  return 0
}

/** The message of any error, for example that a file is missing. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error'
}
