// node only: parses a command line
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ProcuraError } from '../errors.ts'
import { auditCommand } from './audit.ts'
import type { Host } from './host.ts'
import { printableHost } from './printable.ts'
import { UsageError, usage } from './usage.ts'
import { vaultCommand } from './vault.ts'

/**
 * Runs the program with these words after its name.
 *
 * @returns the exit code: 0 when all is well, 1 when what was asked about is not, 2 when the call was wrong or failed.
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
    if (noun === 'vault') return await vaultCommand(rest, values, host)
    if (noun === 'audit') return await auditCommand(rest, values, host)
    throw new UsageError('vault or audit')
  } catch (error) {
    if (error instanceof UsageError) host.complain(`procura: ${error.message}; see procura --help`)
    else if (error instanceof ProcuraError) host.complain(`procura: ${error.message} (${error.code})`)
    else host.complain(`procura: ${reasonOf(error)}`)
    return 2
  }
}

function parse(words: readonly string[]) {
  const text = { type: 'string' } as const
  const texts = { type: 'string', multiple: true } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
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
      },
    })
  } catch (error) {
    throw new UsageError(reasonOf(error).replaceAll('\n', ' '))
  }
}

function printVersion(host: Host): number {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  host.print(manifest.version)
  return 0
}

/** What the machine says of a file that is not there, and the like. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'it failed'
}
