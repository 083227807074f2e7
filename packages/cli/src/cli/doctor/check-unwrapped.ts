// node only: reads files
import { basename, dirname } from 'node:path'
import { parse } from 'jsonc-parser'
import { secretKind } from '../../support/secret-kind.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { type ClientName, clientOf, detectClient } from '../clients/client.ts'
import { type Data, type DataObject, isObject } from '../clients/config-document.ts'
import { checkDepth } from '../clients/json-config.ts'
import { connectionOf } from '../wrap/connect-line.ts'
import { hasSecretName } from '../wrap/secret-name.ts'
import { sortValue } from '../wrap/sort-value.ts'
import type { WrapIndex } from '../wrap/wrap-index.ts'
import type { Finding } from './finding.ts'
import { contentOf, usualConfigs } from './search-places.ts'

/** The tables of a server whose values are variables or headers. */
const tables = ['env', 'headers', 'http_headers'] as const

/**
 * Finds keys in the clear that the vault does not know: of servers that are not behind the gateway, in the wrapped
 * configurations and the usual ones, and in `env` of the settings of Claude Code. No value is shown. WRP-72
 */
export async function checkUnwrapped(userHome: string, indexes: readonly WrapIndex[]): Promise<readonly Finding[]> {
  const known = new Map<string, string | undefined>(indexes.map(({ path, client }) => [path, client]))
  const usual = usualConfigs(userHome).filter((path) => !known.has(path))
  const found: Finding[] = []
  for (const [path, client] of [...known, ...usual.map((one) => [one, undefined] as const)]) {
    const text = (await contentOf(path))?.toString()
    // Another check reports a configuration that cannot be read.
    if (text === undefined || !isShallow(text)) continue
    found.push(...(isSettings(path) ? settingsFindings(path, text) : serverFindings(path, client, text)))
  }
  return found
}

function isShallow(text: string): boolean {
  try {
    checkDepth(text)
    return true
  } catch {
    return false
  }
}

/** Whether a file is the settings of Claude Code, which have no servers. */
function isSettings(path: string): boolean {
  return basename(dirname(path)) === '.claude' && basename(path).startsWith('settings.')
}

function settingsFindings(path: string, text: string): readonly Finding[] {
  const { env } = Object(parse(text)) as { readonly env?: Data }
  return keysIn(env).map((name) => ({
    check: 'unwrapped',
    thing: path,
    fault: `has the variable ${name} in the clear in \`env\`, and each program that the agent starts gets it`,
    remedy: 'remove it there if the agent does not need it itself',
    note: true,
  }))
}

function serverFindings(path: string, client: string | undefined, text: string): readonly Finding[] {
  try {
    const reader = client === undefined ? detectClient(path, text) : clientOf(client as ClientName)
    return reader.read(text).servers.flatMap(({ name, line, value }) => {
      if (connectionOf(value) !== undefined) return []
      const keys = keysOf(value)
      if (keys.length === 0) return []
      return [
        {
          check: 'unwrapped',
          thing: `${path}:${line}`,
          fault: `has ${keys.join(', ')} of the server ${name} in the clear, and the server is not behind the gateway`,
          remedy: `move it there with \`procura wrap ${shellQuoted(path)} --server ${shellQuoted(name)}\``,
          note: true,
        } as const,
      ]
    })
  } catch {
    return []
  }
}

/** The names of the variables and headers of a server that are keys. */
function keysOf(value: DataObject): readonly string[] {
  const token = value['bearer_token']
  return [...tables.flatMap((table) => keysIn(value[table])), ...(typeof token === 'string' ? ['bearer_token'] : [])]
}

const unnamed = { secret: new Set<string>(), plain: new Set<string>() }

function keysIn(table: Data | undefined): readonly string[] {
  return Object.entries(isObject(table) ? table : {}).flatMap(([name, value]) =>
    typeof value === 'string' && isKey(name, value) ? [name] : [],
  )
}

/** `wrap` moves each value that is not plainly harmless. Here one has to look like a key. A reference has none. */
function isKey(name: string, value: string): boolean {
  const looks = secretKind(value, false) !== undefined || hasSecretName(name)
  return looks && !value.includes('${') && sortValue(name, value, unnamed).secret
}
