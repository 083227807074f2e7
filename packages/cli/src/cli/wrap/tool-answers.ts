// node only: reads a terminal
import { quote } from '#support/quote.ts'
import type { Host } from '../host.ts'
import { askLine, type OwnTerminal } from '../terminal/ask-yes.ts'
import type { AskedServer } from './ask-server.ts'

/** What the agent may do with a tool: call it, call it with an approval each time, or not call it. */
type ToolAnswer = 'all' | 'ask' | 'out'

/** The tools of a server after the answers of a person. */
export interface ToolChoice {
  /** The tools that are delegated. Undefined for every tool. */
  readonly tools: readonly string[] | undefined
  /** Those whose every call needs an approval; `*` is every tool. */
  readonly approve: readonly string[]
}

/** The names that can be words of a command. Another one, such as `*`, would name something else there. */
const usualName = /^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$/

/**
 * Asks a person about the tools of a server. A tool counts as one that only reads if the server says so; a server
 * cannot be believed, so the names of these tools are shown. WRP-81
 *
 * @returns undefined if the server stays as it is.
 */
export async function askAboutTools(
  name: string,
  asked: AskedServer,
  terminal: OwnTerminal,
  host: Host,
): Promise<ToolChoice | undefined> {
  if ('fault' in asked) {
    host.complain(`${name} did not list its tools: ${asked.fault}`)
    const answer = await askTool('every tool', terminal, host)
    return answer.tool === 'out' ? undefined : { tools: undefined, approve: answer.tool === 'ask' ? ['*'] : [] }
  }
  const names = asked.tools.map((tool) => tool.name)
  const odd = names.filter((tool) => !usualName.test(tool))
  const reading = asked.tools.filter(({ annotations }) => Object(annotations).readOnlyHint === true)
  const read = reading.map((tool) => tool.name).filter((tool) => !odd.includes(tool))
  const write = names.filter((tool) => !odd.includes(tool) && !read.includes(tool))
  if (read.length > 0) host.complain(`${name} says that these tools only read, so they are delegated: ${listed(read)}`)
  if (odd.length > 0) host.complain(`left out, because no command can name them: ${listed(odd)}`)
  if (write.length > 0) host.complain(`${name} has ${write.length} other ${write.length === 1 ? 'tool' : 'tools'}`)
  const answers = await answersFor(write, terminal, host)
  const left = [...write.filter((tool) => answers.get(tool) === 'out'), ...odd]
  const tools = [...read, ...write].filter((tool) => !left.includes(tool))
  const approve = write.filter((tool) => answers.get(tool) === 'ask')
  if (left.length > 0) host.complain(`not delegated: ${listed(left)}`)
  if (tools.length === 0) return undefined
  // A tool that the server gets later is like none of these, so it is not delegated by itself.
  return left.length === 0 && approve.length === 0 ? { tools: undefined, approve } : { tools, approve }
}

async function answersFor(
  tools: readonly string[],
  terminal: OwnTerminal,
  host: Host,
): Promise<ReadonlyMap<string, ToolAnswer>> {
  const answers = new Map<string, ToolAnswer>()
  let rest: ToolAnswer | undefined
  for (const tool of tools) {
    const answer = rest === undefined ? await askTool(tool, terminal, host) : { tool: rest, isForRest: true }
    if (answer.isForRest) rest = answer.tool
    answers.set(tool, answer.tool)
  }
  return answers
}

/** An empty line, as at the end of the input, is the proposal: an approval each time. */
async function askTool(
  tool: string,
  terminal: OwnTerminal,
  host: Host,
): Promise<{ readonly tool: ToolAnswer; readonly isForRest: boolean }> {
  for (;;) {
    const line = await askLine(terminal, `  ${tool}: all, ask each time, or out? [ask; with * for the rest too] `)
    const [, word, star] = /^(all|ask|out|)( ?\*)?$/.exec(line) ?? []
    if (word !== undefined) return { tool: word === '' ? 'ask' : (word as ToolAnswer), isForRest: star !== undefined }
    host.complain('type all, ask or out, and Enter')
  }
}

function listed(names: readonly string[]): string {
  return names.map((name) => quote(name)).join(', ')
}
