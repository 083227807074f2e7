// node only: reads folders
import { join } from 'node:path'
import { editDistance } from '#support/nearest-name.ts'
import { quote } from '#support/quote.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import { UsageError } from '../usage-error.ts'

/**
 * Checks the name of an agent that a verb makes if it does not exist. One that is nearly the name of an agent is
 * probably misspelt: the delegation would be of no use to the agent that was meant. WRP-37
 *
 * @throws UsageError when it is nearly the name of an agent of the home folder.
 */
export async function checkNewName(home: string, name: string): Promise<void> {
  const agents = await namesInFolder(join(home, 'agents'))
  if (agents.includes(name)) return
  const meant = agents.find((agent) => isMisspelt(name, agent))
  if (meant !== undefined)
    throw new UsageError(
      `there is no agent ${quote(name)}; did you mean ${quote(meant)}? To make another agent, run \`procura agent new ${name} --like ${meant}\` first`,
    )
}

/** The line about an agent that was made. */
export function newAgentLine(home: string, name: string): string {
  return `made the agent ${name} in ${join(home, 'agents', name)}`
}

/**
 * Whether two names differ in case, or in as few letters as a typing error changes. Names that differ in their numbers
 * and hyphens alone, such as `bot-1` and `bot-2`, are of agents that were numbered.
 */
function isMisspelt(written: string, known: string): boolean {
  const [name, meant] = [written.toLowerCase(), known.toLowerCase()]
  if (name === meant) return true
  if (withoutNumber(name) === withoutNumber(meant)) return false
  const most = Math.max(name.length, meant.length)
  const changes = editDistance(name, meant)
  const isSwapped = changes === 2 && sorted(name) === sorted(meant)
  return most >= 4 && (changes <= (most < 8 ? 1 : 2) || isSwapped)
}

function withoutNumber(name: string): string {
  return name.replace(/[-_\d]/g, '')
}

function sorted(name: string): string {
  return [...name].sort().join('')
}
