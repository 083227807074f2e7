import { nearestName } from '#support/nearest-name.ts'
import { quote } from '#support/quote.ts'
import { UsageError } from '../usage-error.ts'

/**
 * Checks the name of a tool against those that a server had last, if they are known.
 *
 * @throws UsageError that names the nearest tool, or all of them.
 */
export function assertTool(server: string, tool: string, tools: readonly string[] | undefined): void {
  if (tools === undefined || tools.includes(tool)) return
  const near = nearestName(tool, tools)
  const known = tools.map((one) => quote(one)).join(', ')
  throw new UsageError(
    `the server ${server} has no tool ${quote(tool)}; ${near === undefined ? `it has ${known || 'none'}` : `did you mean ${quote(near)}?`}`,
  )
}
