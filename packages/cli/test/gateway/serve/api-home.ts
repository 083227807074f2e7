// node only: writes files
/** A gateway with an API and an agent, for tests. */
import { readFileSync } from 'node:fs'
import { type ApiListener, credentialRulesOf, listenForApi } from '../../../src/index.ts'
import type { AgentHome } from '../agent-side/connect/agent-home.ts'
import { type ApiUpstream, startApi } from './api-upstream.ts'
import { canary, type GatewayHome, makeGatewayHome } from './gateway-home.ts'

/** Sends a request to a listener, with its key. */
export type Call = (path: string, init?: RequestInit) => Promise<Response>

/** A home folder with the API `crm`. */
export interface ApiHome {
  readonly home: GatewayHome
  readonly upstream: ApiUpstream
  readonly agent: AgentHome
  /** Changes the entry of the API. */
  configure(more: object): void
  /** Stores the secret, with other rules than the usual ones if `more` is given. */
  storeKey(more?: { readonly methods?: readonly string[]; readonly origin?: string }): Promise<void>
  listen(place?: string): Promise<ApiListener>
  /** A client that knows the key of a listener, as an SDK does. */
  client(): Promise<Call>
  remove(): Promise<void>
}

/** Makes the folder and starts the API. */
export async function makeApiHome(): Promise<ApiHome> {
  const upstream = await startApi()
  const home = await makeGatewayHome({})
  const listeners: ApiListener[] = []
  function configure(more: object): void {
    const crm = { origin: upstream.origin, secretHeaders: { 'X-Api-Key': 'crm.key' }, ...more }
    home.configure((config) => void Object.assign(config, { apis: { crm } }))
  }
  async function storeKey(more = {}): Promise<void> {
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
    const secretHeaders = { credential: 'crm.key', names: ['X-Api-Key'] }
    const rules = credentialRulesOf('crm', { type: 'api', origin: upstream.origin, methods, secretHeaders, ...more })
    await home.vault.put('crm.key', { ...rules, secret: canary })
  }
  configure({})
  await storeKey()
  const agent = await home.agent('assistant')
  async function listen(place = '127.0.0.1:0'): Promise<ApiListener> {
    const listener = await listenForApi({ api: 'crm', agent: agent.folder, listen: place })
    listeners.push(listener)
    return listener
  }
  return {
    ...{ home, upstream, agent, configure, storeKey, listen },
    async client() {
      const { place, keyFile } = await listen()
      const key = readFileSync(keyFile ?? '', 'utf8').trim()
      return (path, init = {}) =>
        fetch(`http://${place}${path}`, {
          redirect: 'manual',
          ...init,
          headers: { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) },
        })
    },
    async remove() {
      for (const listener of listeners) await listener.close()
      await home.remove()
      await upstream.close()
    },
  }
}

/** The status and the code of a denial. */
export async function codeOf(response: Response): Promise<readonly [number, unknown]> {
  return [response.status, ((await response.json()) as { readonly code?: unknown }).code]
}
