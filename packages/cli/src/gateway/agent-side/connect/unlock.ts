// node only: starts programs
/**
 * The keys of the encrypted files of an agent. An MCP client starts the programs of an agent, and nobody is there to
 * type a passphrase.
 *
 * @module
 */
import process from 'node:process'
import type { DelegationStore } from 'procura/agent'
import { describeDelegationFile, fileDelegationStore } from 'procura/agent/file'
import { ArgumentError } from 'procura/errors'
import { describeSignerFile, openSignerFile, type SignerFile } from 'procura/signer/file'
import type { FileKey } from 'procura/vault/file'
import { quote } from '#support/quote.ts'
import { atHome } from '../../configuration/at-home.ts'
import type { GatewayConnection, KeySource } from './connection-file.ts'

/**
 * Opens the key of an agent. A key that is not needed is not used: the environment of several agents may have it for
 * one of them.
 */
export async function openAgentKey({ key: path, unlock }: GatewayConnection, given?: FileKey): Promise<SignerFile> {
  const source = unlock?.key
  if (source === undefined && given === undefined) return openSignerFile({ path })
  const { encrypted } = await describeSignerFile({ path })
  return openSignerFile({ path, ...(encrypted && { key: given ?? (await keyFrom(source as KeySource, 'key')) }) })
}

/**
 * Makes a function that opens the store of an agent's delegations as the file is now: it can be encrypted later. With
 * `unlock.delegations`, a file that is not encrypted is refused. CON-24
 */
export function delegationsOpener(connection: GatewayConnection, given?: FileKey): () => Promise<DelegationStore> {
  const { delegations: path, unlock } = connection
  const source = unlock?.delegations
  const plain = fileDelegationStore({ path })
  let last: { readonly name: string | undefined; readonly store: DelegationStore } | undefined
  return async () => {
    const about = await describeDelegationFile({ path })
    if (about?.encrypted !== true && source === undefined) return plain
    // A file that was replaced by an unencrypted one would be used without notice.
    if (about?.encrypted === false)
      throw new ArgumentError(
        atHome(
          `${quote(path, 256)} is not encrypted, but \`unlock\` in connect.json requires it; move the file away, and store its delegations again with \`procura agent receive NAME\``,
          connection,
        ),
      )
    if (given === undefined && source === undefined)
      throw new ArgumentError(
        'the delegations of the agent are encrypted; set `unlock.delegations` in connect.json, or pass `delegationsKey`',
      )
    const name = about?.name
    // The store keeps what it derived from a passphrase, which takes a part of a second.
    if (last === undefined || last.name !== name) {
      const key = given ?? (await keyFrom(source as KeySource, 'delegations'))
      last = { name, store: fileDelegationStore({ path, key, ...(name !== undefined && { name }) }) }
    }
    return last.store
  }
}

/** The key of a source. */
async function keyFrom(source: KeySource, of: 'key' | 'delegations'): Promise<FileKey> {
  return 'file' in source ? { keyFile: source.file } : { passphrase: await passphraseOf(source.command, of) }
}

/** Most bytes of a passphrase, and most milliseconds of its command: a keyring may ask a person to unlock it. */
const most = Object.freeze({ bytes: 4_096, ms: 30_000 })

/** The first line that a command prints, without its end. CON-25 */
async function passphraseOf([program = '', ...words]: readonly string[], of: string): Promise<string> {
  const place = `the command in \`unlock.${of}\` of connect.json`
  // Most agents need no command, and each module that a start loads takes time.
  const { spawn } = await import('node:child_process')
  return new Promise((resolve, reject) => {
    const fail = (fault: string): void => reject(new ArgumentError(`${place} ${fault}; run it by hand`))
    // Standard input belongs to the client.
    const child = spawn(program, words, { env: environment(), stdio: ['ignore', 'pipe', 'ignore'], windowsHide: true })
    const chunks: Buffer[] = []
    let length = 0
    const timer = setTimeout(() => {
      fail(`did not end within ${most.ms / 1_000} s`)
      child.kill('SIGKILL')
      child.stdout.destroy()
    }, most.ms)
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length <= most.bytes) return
      fail(`printed more than ${most.bytes} bytes`)
      child.kill('SIGKILL')
      child.stdout.destroy()
    })
    child.on('error', ({ code }: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      fail(`could not be started (${code})`)
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      if (code !== 0) return fail(`failed (exit code ${code ?? 'none'})`)
      const printed = Buffer.concat(chunks)
      const text = textOf(printed)
      for (const bytes of [...chunks, printed]) bytes.fill(0)
      if (text === undefined) return fail('must print one line of text, the passphrase')
      resolve(text)
    })
  })
}

/** The one line of an output, or undefined. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
    return text === '' || /[\r\n\0]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

/**
 * The command needs the environment, for example the address of the keyring. It needs no passphrase of this program.
 */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^PROCURA_.*PASSPHRASE$/i.test(name)))
}
