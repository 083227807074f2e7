// node only: writes files
/** The home folder of a gateway for tests, with an owner, a vault and agents. */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Signer } from 'procura'
import { readJsonlRecords } from 'procura/audit/jsonl'
import { createSignerFile } from 'procura/signer/file'
import { createKeyFile, type FileVault, openFileVault } from 'procura/vault/file'
import {
  credentialRulesOf,
  type Gateway,
  type GatewayEvent,
  type OpenGatewayOptions,
  openGateway,
  readGatewayConfig,
} from '../../../src/index.ts'
import { type AgentHome, makeAgentHome } from '../agent-side/connect/agent-home.ts'

/** The program of the server `mail`. */
export const mailServer: string = fileURLToPath(new URL('mail-server.mjs', import.meta.url))

/** A secret that must be nowhere but in the environment of the program. */
export const canary = 'sk-live-CANARY-7f3a9c5e1b'

/** A gateway with its folder. */
export interface GatewayHome {
  readonly folder: string
  readonly owner: Signer
  readonly service: Signer
  readonly vault: FileVault
  readonly events: GatewayEvent[]
  /** Changes `gateway.json`. */
  configure(change: (config: Record<string, unknown>) => void): void
  open(options?: Partial<OpenGatewayOptions>): Promise<Gateway>
  agent(name: string): Promise<AgentHome>
  /** The kinds of the records of the log, with some of their fields. */
  records(): Promise<readonly Readonly<Record<string, unknown>>[]>
  remove(): Promise<void>
}

/** Makes a home folder, with the server `mail` and its secret. */
export async function makeGatewayHome(servers?: Record<string, unknown>): Promise<GatewayHome> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'gw-')))
  const at = (name: string): string => join(folder, name)
  const { signer: owner } = await createSignerFile({ path: at('owner.key') })
  const { signer: service } = await createSignerFile({ path: at('service.key') })
  await createKeyFile(at('vault.key'))
  const vault = await openFileVault({ path: at('vault'), key: { keyFile: at('vault.key') }, create: true })
  const mail = {
    type: 'stdio',
    command: process.execPath,
    args: [mailServer],
    env: { CALLS_FILE: at('calls') },
    secretEnv: { MAIL_KEY: 'mail.MAIL_KEY' },
  }
  const config: Record<string, unknown> = {
    version: 1,
    listen: { socket: 'gateway.sock' },
    service: { key: 'service.key' },
    subjects: [owner.did],
    vault: { file: 'vault', keyFile: 'vault.key' },
    audit: { directory: 'log' },
    state: { file: 'state.db' },
    servers: servers ?? { mail },
  }
  const write = (): void => writeFileSync(at('gateway.json'), JSON.stringify(config), { mode: 0o600 })
  mkdirSync(at('agents'), { mode: 0o700 })
  write()
  await vault.put('mail.MAIL_KEY', { ...credentialRulesOf('mail', { type: 'stdio' } as never), secret: canary })
  const events: GatewayEvent[] = []
  const opened: Gateway[] = []
  return {
    ...{ folder, owner, service, vault, events },
    configure(change) {
      change(config)
      write()
    },
    async open(options = {}) {
      const gateway = await openGateway({
        config: await readGatewayConfig(at('gateway.json')),
        onEvent: (event) => void events.push(event),
        ...options,
      })
      opened.push(gateway)
      return gateway
    },
    agent: (name) =>
      makeAgentHome(
        join(folder, 'agents', name),
        { socket: at('gateway.sock') },
        { audience: service.did, subject: owner.did },
      ),
    async records() {
      const found: Readonly<Record<string, unknown>>[] = []
      for await (const { event } of readJsonlRecords({ directory: at('log') }))
        found.push(event as unknown as Readonly<Record<string, unknown>>)
      return found
    },
    async remove() {
      for (const gateway of opened) await gateway.close().catch(() => undefined)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The calls that the program received. */
export function callsIn(folder: string): readonly { readonly name: string; readonly _meta?: unknown }[] {
  try {
    const lines = readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n')
    return lines.map((line) => JSON.parse(line) as { readonly name: string })
  } catch {
    return []
  }
}
