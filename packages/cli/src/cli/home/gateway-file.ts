// node only: reads and writes a file
import { dirname, join, relative, resolve } from 'node:path'
import { ArgumentError } from 'procura/errors'
import { createDurableFile } from '#support/durable-file.ts'
import type { HeldLock } from '#support/file-lock/held-lock.ts'
import { readPrivateFile, replacePrivateFile } from '#support/private-file.ts'
import { quote } from '#support/quote.ts'
import { checkNotMoved } from '../../gateway/configuration/moved.ts'
import { readGatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import { type RawUnlock, unlockOf, type VaultUnlock } from '../../gateway/configuration/vault-unlock.ts'
import { UsageError } from '../usage-error.ts'
import type { GatewayServer } from './gateway-server.ts'
import { withStage } from './home-files.ts'

/** The parts of `gateway.json` that `wrap` uses. */
export interface GatewayFile {
  readonly path: string
  readonly listen: { readonly socket?: string; readonly address?: string }
  readonly serviceKey: string
  readonly subjects: readonly string[]
  readonly vault: { readonly file: string; readonly keyFile?: string; readonly unlock?: VaultUnlock }
  readonly logFolder: string
  readonly stateFile: string
  readonly servers: ReadonlyMap<string, GatewayServer>
  /** The whole content, whose other parts stay. */
  readonly content: Readonly<Record<string, unknown>>
}

const timeoutMs = 10_000

/** The path of the configuration of the gateway in a home folder. */
export function gatewayPath(home: string): string {
  return join(home, 'gateway.json')
}

/**
 * Reads the configuration of a gateway.
 *
 * @returns undefined when the file does not exist.
 * @throws MovedError when the gateway has moved.
 */
export async function readGatewayFile(home: string): Promise<GatewayFile | undefined> {
  const path = gatewayPath(home)
  const file = await readPrivateFile(path, { timeoutMs })
  if (file === undefined || file === 'unchanged') return undefined
  const content = parse(file.bytes, path)
  checkNotMoved(path, content['moved'])
  const from = (name: unknown): string => resolve(dirname(path), String(name))
  const part = (name: string): Readonly<Record<string, unknown>> => Object(content[name]) as Record<string, unknown>
  const { socket, address } = part('listen')
  const { keyFile, unlock } = part('vault')
  const vault = from(part('vault')['file'] ?? 'vault')
  return {
    path,
    listen: socket === undefined ? { address: String(address) } : { socket: from(socket) },
    serviceKey: from(part('service')['key'] ?? 'service.key'),
    subjects: Array.isArray(content['subjects']) ? content['subjects'].map(String) : [],
    vault: {
      file: vault,
      ...(keyFile !== undefined && { keyFile: from(keyFile) }),
      ...(unlock !== undefined && { unlock: unlockOf(Object(unlock) as RawUnlock, dirname(path), vault) }),
    },
    logFolder: from(part('audit')['directory'] ?? 'log'),
    stateFile: from(part('state')['file'] ?? 'state.db'),
    servers: new Map(Object.entries(part('servers')) as [string, GatewayServer][]),
    content,
  }
}

function parse(bytes: Uint8Array, path: string): Readonly<Record<string, unknown>> {
  try {
    const content: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof content === 'object' && content !== null && !Array.isArray(content))
      return content as Record<string, unknown>
  } catch {
    // The fault is the same.
  }
  throw new UsageError(`${quote(path, 256)} is not a JSON object; correct it, and run this again`)
}

/** The content of a new file. */
export function newGatewayContent(
  home: string,
  owner: string,
  { keyFile, unlock }: { readonly keyFile?: string | undefined; readonly unlock?: VaultUnlock | undefined },
): Readonly<Record<string, unknown>> {
  const near = keyFile === undefined ? undefined : relative(home, keyFile)
  return {
    version: 1,
    listen: { socket: 'gateway.sock' },
    service: { key: 'service.key' },
    subjects: [owner],
    vault: {
      file: 'vault',
      ...(near !== undefined && { keyFile: near.startsWith('..') ? keyFile : near }),
      ...(unlock !== undefined && { unlock: 'keyring' in unlock ? { keyring: true } : unlock }),
    },
    audit: { directory: 'log' },
    state: { file: 'state.db' },
    tools: 'first-use',
    servers: {},
  }
}

/**
 * Reads a new configuration as the gateway will: a fault in it would stop the gateway for all servers. WRP-18
 *
 * @param place - the folder for a draft. Default: the home folder.
 * @throws UsageError when it is invalid.
 */
export async function checkGatewayContent(
  home: string,
  content: Readonly<Record<string, unknown>>,
  place: string = home,
): Promise<void> {
  await withStage(place, async (folder) => {
    const path = join(folder, 'gateway.json')
    await createDurableFile(path, textOf(content))
    await readGatewayConfig(path).catch((error: unknown) => {
      if (!(error instanceof ArgumentError)) throw error
      // The positions are those of a draft, which nobody can read.
      const fault = error.message.replace(/^.*gateway\.json:\d+:\d+: /, '').replaceAll(path, gatewayPath(home))
      throw new UsageError(`the new gateway.json would be invalid, and nothing is written: ${fault}`)
    })
  })
}

function textOf(content: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify(content, undefined, 2)}\n`
}

/** Writes the configuration of a gateway in one step. */
export async function writeGatewayFile(
  home: string,
  content: Readonly<Record<string, unknown>>,
  lock: HeldLock,
): Promise<void> {
  await replacePrivateFile(gatewayPath(home), new TextEncoder().encode(textOf(content)), lock)
}
