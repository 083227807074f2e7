// node only: reads a terminal and files

import { quote } from '#support/quote.ts'
import { cut, foreignNote, visible, wrap } from '#support/visible.ts'
import type { GatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import type { ComparedTool } from '../../gateway/serve/tools/compare-tools.ts'
import { acceptedTools, acceptTools, reviewTools } from '../../gateway/serve/tools/review-tools.ts'
import { type Difference, wholeDifferences } from '../../gateway/serve/tools/tool-differences.ts'
import type { Host } from '../host.ts'
import { askYes, ownTerminal } from '../terminal/ask-yes.ts'
import { UsageError } from '../usage-error.ts'

/** Most tools and rows of one question: nobody reads more. */
const most = Object.freeze({ tools: 20, rows: 500 })

/** Columns of the rows. A narrower terminal breaks them at places that the server could choose. */
const columnsOf = Object.freeze({ least: 40, usual: 80, most: 120 })

/**
 * Shows how the tools of a server differ from the accepted ones, and accepts what was shown after one typed yes: a
 * definition that the server changes meanwhile has another hash. GTW-46
 *
 * @returns the tools whose state has changed; undefined when the person did not say yes.
 * @throws UsageError without a terminal, and when the differences cannot be shown as a whole.
 */
export async function acceptAtTerminal(
  config: GatewayConfig,
  server: string,
  host: Host,
): Promise<readonly ComparedTool[] | undefined> {
  const otherwise = `read them with \`procura tools list ${server} --json\`, and pass the hash of each that you accept`
  const terminal = ownTerminal(host, otherwise)
  // A terminal that does not know has 0.
  const columns = terminal.output.columns || columnsOf.usual
  if (columns < columnsOf.least)
    throw new UsageError(`the terminal has ${columns} columns, and ${columnsOf.least} are needed; widen it`)
  const tools = (await reviewTools({ config, server })).filter(({ state }) => state !== 'accepted')
  if (tools.length === 0) return []
  const before = new Map((await acceptedTools({ config, server })).map((tool) => [tool.name, tool]))
  const width = Math.min(columns, columnsOf.most)
  const rows = tools.flatMap((tool) => rowsOf(server, tool, before.get(tool.name), width))
  if (tools.length > most.tools || rows.length > most.rows)
    throw new UsageError(
      `${tools.length} tools with ${rows.length} lines of changes are too many for one question; ${otherwise}`,
    )
  const names = tools.map(({ name, words }) => `${quote(name)} (${words.join(', ')})`).join(', ')
  const what = tools.length === 1 ? 'this tool' : `these ${tools.length} tools`
  for (const row of [...rows, '', ...wrap(visible(`${names}?`), width, `accept ${what} of ${server}: `)])
    host.complain(row)
  if (!(await askYes(terminal))) return undefined
  return acceptTools({ config, server, hashes: tools.map(({ hash }) => hash) })
}

type Accepted = Parameters<typeof wholeDifferences>[0]

function rowsOf(server: string, tool: ComparedTool, accepted: Accepted, width: number): readonly string[] {
  const { name, words, seen } = tool
  const head = wrap(visible(`${quote(name, 512)}: ${words.join(', ')}`), width, `${server} `)
  if (seen === undefined) return head
  const differences = wholeDifferences(accepted, seen)
  // The hash differs, so something does.
  if (differences.length === 0 && accepted !== undefined)
    throw new UsageError(`the change of ${quote(name)} cannot be shown, so it is not accepted here`)
  return [...head, ...differences.flatMap((difference) => valueRows(difference, width))]
}

function valueRows({ at, before, now }: Difference, width: number): readonly string[] {
  const [was, is] = [before, now].map((value) => (value === undefined ? [] : linesOf(value)))
  const note = foreignNote(cut((is ?? []).join(''), mostNoted))
  return [
    ...wrap(`${visible(at)}:${note}`, width, '  '),
    ...(was ?? []).flatMap((line) => wrap(line, width, '  - ')),
    ...(is ?? []).flatMap((line) => wrap(line, width, '  + ')),
  ]
}

/** Most characters that are searched for those beyond ASCII. More do not fit on the rows. */
const mostNoted = 65_536

/** A value as JSON, in lines; line ends in a string are its escapes. */
function linesOf(value: unknown): readonly string[] {
  return JSON.stringify(value, undefined, 2).split('\n').map(visible)
}
