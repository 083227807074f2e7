// node only: starts programs
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PinnedTool } from 'procura/mcp'
import { listServer } from '../../gateway/serve/tools/tool-watch.ts'
import type { TransportFetch } from '../../gateway/wire/transport/http-connection.ts'
import { emptyFolder } from './plan-stdio.ts'
import type { ServerPlan } from './planned.ts'

/**
 * The tools of a server, or why they are not known. The texts of the server are the names of tools, and the last lines
 * of its standard error.
 */
export type AskedServer = { readonly tools: readonly PinnedTool[] } | { readonly fault: string }

/**
 * Asks a server that is not behind the gateway yet for its tools, once, with the keys of its configuration. It is
 * started as the gateway would start it. WRP-80
 *
 * @param home - the home folder of the gateway, whose empty folder may not exist yet.
 */
export async function askServer({ entry, definition, secrets }: ServerPlan, home: string): Promise<AskedServer> {
  const values = Object.fromEntries(secrets.map(({ name, value }) => [name, value]))
  const ending = new AbortController().signal
  const folder = await mkdtemp(join(tmpdir(), 'procura-ask-'))
  try {
    if (definition.type === 'stdio') {
      const { command, args = [], env = {}, cwd = folder } = definition
      const place = cwd === emptyFolder(home) ? folder : cwd
      const config = { type: 'stdio', command, args, env, cwd: place, secretEnv: {} } as const
      return await listServer(entry.name, config, { secretsOf: async () => values, send: refused }, ending)
    }
    if (definition.login !== undefined) return { fault: 'it needs a login' }
    const { url, headers = {}, transport } = definition
    const names = Object.keys(values)
    const way = transport === undefined ? {} : { transport }
    const config = {
      type: 'http',
      url,
      headers,
      ...way,
      ...(names.length > 0 && { secretHeaders: { credential: '', names } }),
    }
    const send = (): TransportFetch => withHeaders(url, values)
    return await listServer(
      entry.name,
      config as { type: 'http' } & typeof config,
      { secretsOf: refused, send },
      ending,
    )
  } catch (error) {
    return { fault: (error as Error).message }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Requests with secret headers, to one address, without redirects. */
function withHeaders(url: string, values: Readonly<Record<string, string>>): TransportFetch {
  return async (to, { method = 'GET', headers, body = null, signal = null }) => {
    if (new URL(to).origin !== new URL(url).origin) throw new Error('it names another address')
    const all = new Headers(headers)
    for (const [name, value] of Object.entries(values)) all.set(name, value)
    return fetch(to, { method, headers: all, body, signal, redirect: 'manual', credentials: 'omit' })
  }
}

function refused(): never {
  throw new Error('it has no such secret')
}
