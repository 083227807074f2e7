// node only: reads files

import { encodeContainer } from 'procura'
import { describeDelegationFile } from 'procura/agent/file'
import { quote } from '#support/quote.ts'
import { delegationsKey, namedStore } from '../home/agent-stores.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import type { Flags } from '../verb.ts'

/** Most tokens of a container that is read. */
const mostTokens = 64

/** Whether bytes begin like an encrypted file of delegations. */
export function isSealedFile(bytes: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(bytes.subarray(0, 64)).startsWith('{"format":"procura-delegations@')
}

/**
 * Opens an encrypted file of delegations. Its key comes from the environment, a file or the terminal. CLI-12
 *
 * @returns a container with its delegations, or several, one a line.
 */
export async function openSealedFile(path: string | undefined, flags: Flags, host: Host): Promise<string> {
  if (path === undefined || path === '-')
    throw new UsageError('the input is an encrypted file of delegations; pass the path of the file')
  const about = await describeDelegationFile({ path })
  const tokens = await namedStore(path, await delegationsKey(flags, host, { path }), about?.name).load({})
  if (tokens.length === 0)
    throw new UsageError(`${quote(path)} contains no delegation; name a file that an agent has received delegations in`)
  const list = tokens.map((one) => ({ bytes: one }))
  const lines: string[] = []
  for (let at = 0; at < list.length; at += mostTokens) lines.push(encodeContainer(list.slice(at, at + mostTokens)))
  return lines.join('\n')
}
