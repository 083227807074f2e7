// node only: reads and writes files
import { stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { type Did, parseDid } from 'procura'
import { ArgumentError, ProcuraError } from 'procura/errors'
import { createDurableFile } from '#support/durable-file.ts'
import {
  anything,
  didString,
  maybe,
  nonEmptyArrayOf,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  readOptions,
} from '#support/options.ts'
import { readPrivateFile } from '#support/private-file.ts'
import { quote } from '#support/quote.ts'
import { shellQuoted } from '../../../support/shell-quoted.ts'
import { checkSocketPath } from '../../../support/socket-path.ts'
import { atHome } from '../../configuration/at-home.ts'

/** The gateway of an agent, and the files of the agent. */
export interface GatewayConnection {
  /** The path of the Unix socket of the gateway. Either this or `address`. */
  readonly socket?: string
  /** The loopback address of the gateway, such as `127.0.0.1:7333`. */
  readonly address?: string
  /** The DID of the gateway: the audience of each call. A successor of the gateway takes its place. */
  audience: Did
  /** The DID of the owner whose authority is used. */
  readonly subject: Did
  /** The path of the agent's key (`procura/signer/file`). */
  readonly key: string
  /** The path of the agent's delegations (`procura/agent/file`). */
  readonly delegations: string
  /**
   * Where the keys of these two files are, if the files are encrypted. Default: they are passed, or are not encrypted.
   */
  readonly unlock?: UnlockSources
  /** The home folder of the gateway, if the folder of the agent is in it. It is not a field of the file. */
  readonly home?: string
  /** The folder of the file. It is not a field of the file. */
  readonly folder?: string
}

/** The place of the key of an encrypted file. */
export type KeySource =
  /** The path of a file with 32 bytes, as `procura vault new-key` makes it. */
  | { readonly file: string }
  /** A program and its arguments. It prints the passphrase, for example from the keyring of the desktop. */
  | { readonly command: readonly string[] }

/** The keys of the encrypted files of an agent. */
export interface UnlockSources {
  readonly key?: KeySource
  readonly delegations?: KeySource
}

/** The content of `connect.json`. Paths are relative to its folder. */
interface ConnectionFields {
  readonly $schema?: string
  readonly version: number
  readonly socket?: string
  readonly address?: string
  readonly audience: string
  readonly subject: string
  readonly key: string
  readonly delegations: string
  readonly unlock?: UnlockSources
}

const notLoopback = 'must be a loopback address with a port, such as 127.0.0.1:7333'

const fields: OptionChecks<ConnectionFields> = Object.freeze({
  $schema: anything,
  version: (value) => (value === 1 ? undefined : 'must be 1'),
  socket: maybe(nonEmptyString),
  address: maybe((value) => (typeof value === 'string' && loopback(value) !== undefined ? undefined : notLoopback)),
  audience: didString,
  subject: didString,
  key: nonEmptyString,
  delegations: nonEmptyString,
  unlock: maybe(objectValue),
})

const unlockFields: OptionChecks<UnlockSources> = Object.freeze({
  key: maybe(objectValue),
  delegations: maybe(objectValue),
})

interface SourceFields {
  readonly file?: string
  readonly command?: readonly string[]
}

const sourceFields: OptionChecks<SourceFields> = Object.freeze({
  file: maybe(nonEmptyString),
  command: maybe(nonEmptyArrayOf(nonEmptyString)),
})

const name = 'connect.json'
const timeoutMs = 10_000

/** Host and port of a loopback address; undefined for any other string. */
export function loopback(address: string): { readonly host: string; readonly port: number } | undefined {
  const [, host, digits] = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]):(\d{1,5})$/.exec(address) ?? []
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65_535) return undefined
  return { host: host.replace(/[[\]]/g, ''), port }
}

/**
 * Reads `connect.json` in the folder of an agent. CON-01
 *
 * @throws ArgumentError when the file is missing or wrong; VaultError when other users have access to it.
 */
export async function readConnection(folder: string): Promise<GatewayConnection> {
  const path = join(folder, name)
  const home = await homeOf(folder)
  const file = await readPrivateFile(path, { timeoutMs })
  if (file === undefined || file === 'unchanged') {
    const name = shellQuoted(home === undefined ? resolve(folder) : basename(folder))
    throw new ArgumentError(
      atHome(
        `${quote(path, 256)} does not exist; name one of \`procura agent list\`, or make the agent with \`procura agent new ${name}\``,
        { home },
      ),
    )
  }
  const wrong = (message: string): ArgumentError => new ArgumentError(message)
  const read = readOptions(quote(path, 256), parse(file.bytes, path), fields, wrong)
  if ((read.socket === undefined) === (read.address === undefined))
    throw wrong(`${quote(path, 256)} must have either \`socket\` or \`address\``)
  const { socket, address } = read
  if (socket !== undefined) checkSocketPath(resolve(folder, socket))
  return {
    ...(socket !== undefined && { socket: resolve(folder, socket) }),
    ...(address !== undefined && { address }),
    audience: readDid('audience', read.audience, path),
    subject: readDid('subject', read.subject, path),
    key: resolve(folder, read.key),
    delegations: resolve(folder, read.delegations),
    ...(read.unlock !== undefined && { unlock: readUnlock(folder, read.unlock, path) }),
    ...(home !== undefined && { home }),
    folder: resolve(folder),
  }
}

/** The home folder of the gateway in which the folder of an agent is; undefined elsewhere. */
async function homeOf(folder: string): Promise<string | undefined> {
  const home = resolve(folder, '..', '..')
  const status = await stat(join(home, 'gateway.json')).catch(() => undefined)
  return status?.isFile() === true ? home : undefined
}

/** The sources of the keys. Relative paths are relative to the folder. */
function readUnlock(folder: string, unlock: UnlockSources, path: string): UnlockSources {
  const wrong = (message: string): ArgumentError => new ArgumentError(message)
  const { key, delegations } = readOptions(`${quote(path, 256)}: \`unlock\``, unlock, unlockFields, wrong)
  const sourceOf = (of: 'key' | 'delegations', given: KeySource): KeySource => {
    const where = `${quote(path, 256)}: \`unlock.${of}\``
    const { file, command } = readOptions(where, given as SourceFields, sourceFields, wrong)
    if ((file === undefined) === (command === undefined))
      throw wrong(`${where} must have either \`file\` or \`command\``)
    return Object.freeze(
      file === undefined
        ? { command: Object.freeze([...(command as readonly string[])]) }
        : { file: resolve(folder, file) },
    )
  }
  return Object.freeze({
    ...(key !== undefined && { key: sourceOf('key', key) }),
    ...(delegations !== undefined && { delegations: sourceOf('delegations', delegations) }),
  })
}

/**
 * Writes `connect.json` into the folder of an agent. It must not exist.
 *
 * @param connection - paths are written as they are given.
 */
export async function writeConnection(
  folder: string,
  { home: _, folder: __, ...connection }: GatewayConnection,
): Promise<void> {
  const { address } = connection
  if (address !== undefined && loopback(address) === undefined) throw new ArgumentError(`\`address\` ${notLoopback}`)
  if (connection.socket !== undefined) checkSocketPath(resolve(folder, connection.socket))
  const text = JSON.stringify({ version: 1, ...connection } satisfies ConnectionFields, undefined, 2)
  await createDurableFile(join(folder, name), `${text}\n`)
}

function parse(bytes: Uint8Array, path: string): ConnectionFields {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as ConnectionFields
  } catch (cause) {
    throw new ArgumentError(`${quote(path, 256)} is not valid JSON in UTF-8`, { cause })
  }
}

function readDid(field: string, did: string, path: string): Did {
  try {
    return parseDid(did)
  } catch (cause) {
    if (!(cause instanceof ProcuraError)) throw cause
    throw new ArgumentError(`${quote(path, 256)}: \`${field}\` is not a DID: ${cause.message}`, { cause })
  }
}
