// node only: reads files
import { join } from 'node:path'
import type { PinnedTool } from 'procura/mcp'
import { readPrivateFile } from '#support/private-file.ts'
import { quote } from '#support/quote.ts'
import { compareTools, type ToolState } from '../../gateway/serve/tools/compare-tools.ts'
import type { Finding } from './finding.ts'

const faults: Partial<Record<ToolState, string>> = Object.freeze({
  new: 'was not accepted yet',
  gone: 'is gone: the server does not have it any more',
})

/** Compares the tools that a server had when the gateway last asked it with those that were accepted. WRP-26 */
export async function checkTools(home: string, servers: readonly string[]): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const server of servers) {
    const paths = [`${server}.seen.json`, `${server}.json`].map((name) => join(home, 'tools', name))
    const [seen, accepted] = await Promise.all(paths.map(toolsIn))
    for (const [at, tools] of [seen, accepted].entries())
      if (tools === 'unreadable') findings.push(unreadable(paths[at] ?? '', server))
    if (seen === undefined || seen === 'unreadable' || accepted === 'unreadable') continue
    const compared = await compareTools(accepted ?? [], seen)
    for (const { name, state, words } of compared) {
      if (state === 'accepted') continue
      findings.push({
        check: 'tools',
        thing: `the tool ${quote(name)} of the server ${server}`,
        fault: faults[state] ?? `has another definition than the one that was accepted: ${words.join(', ')}`,
        remedy: `read it with \`procura tools list ${server}\`, which prints the command that accepts it`,
      })
    }
  }
  return findings
}

/**
 * The names of the tools that a server had last; undefined if the gateway has not seen them, or they cannot be read.
 */
export async function seenTools(home: string, server: string): Promise<readonly string[] | undefined> {
  const seen = await toolsIn(join(home, 'tools', `${server}.seen.json`))
  return seen === undefined || seen === 'unreadable' ? undefined : seen.map(({ name }) => name)
}

function unreadable(thing: string, server: string): Finding {
  const remedy = `remove it, start the gateway with \`procura start\`, and review the tools with \`procura tools list ${server}\``
  return { check: 'tools', thing, fault: 'cannot be read', remedy }
}

/** The tools in a file; undefined if it does not exist. */
async function toolsIn(path: string): Promise<readonly PinnedTool[] | 'unreadable' | undefined> {
  try {
    const file = await readPrivateFile(path, { timeoutMs: 5_000 })
    if (file === undefined || file === 'unchanged') return undefined
    const { tools } = JSON.parse(new TextDecoder().decode(file.bytes)) as { readonly tools: readonly PinnedTool[] }
    return Array.isArray(tools) ? tools : 'unreadable'
  } catch {
    return 'unreadable'
  }
}
