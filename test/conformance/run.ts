// node only: a program
/**
 * Runs an implementation against the vectors of `spec/vectors`: `npm run conformance -- [options] <command …>`.
 *
 * @module
 */

import { readVectors } from '../vectors/read.ts'
import { runConformance } from './conformance.ts'
import { reportOf } from './report.ts'

const usage = `usage: npm run conformance -- [options] <command ...>

  --codes           a refusal by another code is a failure too
  --ucanto          the cases of UCAN 0.9.1 too
  --only <text>     only cases whose name holds the text
  --timeout <s>     seconds to wait for an answer (default 30)
`

/** What the command line says. */
interface CommandLine {
  readonly codes: boolean
  readonly ucanto: boolean
  readonly only: string
  readonly timeout: number
  readonly command: readonly string[]
}

function readCommandLine(args: readonly string[]): CommandLine | undefined {
  let line: CommandLine = { codes: false, ucanto: false, only: '', timeout: 30, command: [] }
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] as string
    const value = args[at + 1]
    if (argument === '--codes') line = { ...line, codes: true }
    else if (argument === '--ucanto') line = { ...line, ucanto: true }
    else if (argument === '--only' && value !== undefined) line = { ...line, only: args[++at] as string }
    else if (argument === '--timeout' && Number(value) > 0) line = { ...line, timeout: Number(args[++at]) }
    else if (argument.startsWith('--')) return undefined
    else return { ...line, command: args.slice(at) }
  }
  return undefined
}

const line = readCommandLine(process.argv.slice(2))
if (line === undefined) {
  process.stderr.write(usage)
  process.exitCode = 2
} else {
  const files = ['valid.json', 'hostile.json', ...(line.ucanto ? (['ucanto.json'] as const) : [])] as const
  const vectors = files.flatMap(readVectors)
  const chosen = vectors.filter(({ name }) => name.includes(line.only))
  try {
    const { text, passed } = reportOf(await runConformance({ ...line, vectors: chosen }), line.codes)
    process.stdout.write(`${text}\n`)
    process.exitCode = passed && chosen.length > 0 ? 0 : 1
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
