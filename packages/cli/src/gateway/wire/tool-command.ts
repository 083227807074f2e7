import { type Command, parseCommand } from 'procura'
import { ArgumentError } from 'procura/errors'
import { quote } from '#support/quote.ts'

/**
 * The command of a tool of an MCP server behind the gateway: `/mcp/SERVER/TOOL`. Without a tool, the command that
 * covers every tool of the server. Two names never have the same command: `a-z 0-9 _` are kept, `-` is doubled, an
 * upper-case letter becomes `-` and the lower-case one, and any other character becomes its code point between `-0` and
 * `-`. MCP-19
 *
 * @throws ArgumentError when the name of the server does not have the form `[a-z0-9][a-z0-9_-]{0,31}`, the name of the
 *   tool is empty, or the command has more than 256 characters.
 *
 * @example
 * ```ts
 * import { toolCommand } from 'procura-cli'
 *
 * console.log(toolCommand('github', 'createIssue'), toolCommand('mail', 'read.all'), toolCommand('mail'))
 * // /mcp/github/create-issue /mcp/mail/read-02e-all /mcp/mail
 * ```
 */
export function toolCommand(server: string, tool?: string): Command {
  if (typeof server !== 'string' || !serverName.test(server)) {
    throw new ArgumentError(
      `toolCommand: \`server\` must begin with a-z or 0-9 and have at most 32 characters of a-z, 0-9, _ and - (got ${typeof server === 'string' ? quote(server) : `a ${typeof server}`})`,
    )
  }
  if (tool === undefined) return `/mcp/${server}` as Command
  if (typeof tool !== 'string' || tool === '') {
    throw new ArgumentError(
      `toolCommand: \`tool\` must be a non-empty string (got ${tool === '' ? 'an empty string' : `a ${typeof tool}`})`,
    )
  }
  const command = `/mcp/${server}/${segmentOf(tool)}`
  try {
    return parseCommand(command)
  } catch (cause) {
    // Its form is right by construction, so that only its length can be at fault.
    throw new ArgumentError(
      `toolCommand: the name of the tool ${quote(tool)} is too long; its command would have ${command.length} characters, and a command has at most 256`,
      { cause },
    )
  }
}

/** A tool of a server, or all of them. */
export interface CommandedTool {
  readonly server: string
  readonly tool?: string
}

/** The server and the tool of a command that {@link toolCommand} has made; undefined for any other command. */
export function toolOfCommand(command: string): CommandedTool | undefined {
  const [, server, segment] = /^\/mcp\/([a-z0-9][a-z0-9_-]{0,31})(?:\/([^/]+))?$/.exec(command) ?? []
  if (server === undefined) return undefined
  return { server, ...(segment !== undefined && { tool: nameOf(segment) }) }
}

function nameOf(segment: string): string {
  return segment.replace(/-(?:-|([a-z])|0([0-9a-f]{1,6})-)/g, (_, letter?: string, code?: string) => {
    if (code !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10ffff))
    return letter === undefined ? '-' : letter.toUpperCase()
  })
}

const serverName = /^[a-z0-9][a-z0-9_-]{0,31}$/

function segmentOf(name: string): string {
  // A lone surrogate is a character of its own, so that no two names of JSON are mixed up.
  return Array.from(name, (character) => {
    if (/^[a-z0-9_]$/.test(character)) return character
    if (character === '-') return '--'
    if (/^[A-Z]$/.test(character)) return `-${character.toLowerCase()}`
    return `-0${(character.codePointAt(0) as number).toString(16)}-`
  }).join('')
}
