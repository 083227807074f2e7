// node only: uses paths
import { basename, dirname } from 'node:path'
import { UsageError } from '../usage-error.ts'
import type { ConfigDocument } from './config-document.ts'
import { readJsonConfig, type ServerPlace } from './json-config.ts'
import { readTomlConfig } from './toml-config.ts'

/** The clients whose configuration can be read. */
export const clientNames = ['claude', 'claude-desktop', 'codex', 'cursor', 'vscode'] as const

/** A client of MCP servers. */
export type ClientName = (typeof clientNames)[number]

/** How a client writes the value of an environment variable, and other parts, into a string. */
export type ReferenceStyle = 'none' | 'shell' | 'named'

/** The facts about a client. */
export interface Client {
  readonly name: ClientName
  /** For people. */
  readonly title: string
  readonly references: ReferenceStyle
  read(text: string): ConfigDocument
}

/** The client of a name. */
export function clientOf(name: ClientName): Client {
  return clients.find((client) => client.name === name) as Client
}

/**
 * Finds the client that a configuration file belongs to, by its name and its content. WRP-01
 *
 * @throws UsageError when it is not certain; ConfigFault when the file cannot be read.
 */
export function detectClient(path: string, text: string): Client {
  const name = basename(path)
  const folder = basename(dirname(path))
  if (name.endsWith('.toml')) return clientOf('codex')
  if (name === '.claude.json' || name === '.mcp.json') return clientOf('claude')
  if (name === 'claude_desktop_config.json') return clientOf('claude-desktop')
  if (folder === '.cursor') return clientOf('cursor')
  if (folder === '.vscode' || name === 'settings.json' || name.endsWith('.code-workspace')) return clientOf('vscode')
  const found = clients.filter((client) => client.name !== 'codex' && client.read(text).servers.length > 0)
  // `mcpServers` is the key of three clients.
  if (found.length === 1) return found[0] as Client
  throw new UsageError(`the file may belong to several clients; choose one with --client: ${clientNames.join(', ')}`)
}

const json =
  (...places: readonly ServerPlace[]): Client['read'] =>
  (text) =>
    readJsonConfig(text, places)

const clients: readonly Client[] = Object.freeze([
  {
    name: 'claude',
    title: 'Claude Code',
    references: 'shell',
    read: json(['mcpServers'], ['projects', '*', 'mcpServers']),
  },
  { name: 'claude-desktop', title: 'Claude Desktop', references: 'none', read: json(['mcpServers']) },
  { name: 'codex', title: 'Codex', references: 'none', read: readTomlConfig },
  { name: 'cursor', title: 'Cursor', references: 'named', read: json(['mcpServers']) },
  {
    name: 'vscode',
    title: 'VS Code',
    references: 'named',
    read: json(['servers'], ['mcp', 'servers'], ['mcp.servers'], ['settings', 'mcp', 'servers']),
  },
])
