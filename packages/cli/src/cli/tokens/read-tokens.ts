// node only: reads files
import { type Delegation, encodeContainer } from 'procura'
import { MalformedError } from 'procura/errors'
import type { TokenFormat } from 'procura/format'
import { type ContainerContents, decodeDelegation, decodeInvocation, openContainer } from 'procura/token'
import type { UcantoToken } from 'procura/ucanto'
import { quote } from '#support/quote.ts'
import type { Host } from '../host.ts'
import { readInput, textIn } from '../terminal/read-input.ts'
import { UsageError } from '../usage-error.ts'
import type { Flags } from '../verb.ts'
import { isSealedFile, openSealedFile } from './sealed-delegations.ts'

/** The tokens of an input. They are not verified. */
export type ReadTokens = ContainerContents<UcantoToken>

/** Most tokens of an input with several lines: the chains between them are searched. */
const mostTokens = 1_000

const otherVersion = 'the tokens are of UCAN 0.9.1; this verb takes tokens of UCAN 1.0'

/** All versions are shown; whether a service accepts them is its own choice. */
const reading = { accept: ['1.0.0', '1.0.0-rc.1'], acceptRedundantFields: true } as const

/**
 * Reads the tokens of a file or of standard input: a container in any form, or one bare token.
 *
 * @throws MalformedError when the input is neither.
 */
async function readTokens(path: string | undefined, flags: Flags, host: Host): Promise<ReadTokens> {
  const container = await readContainer(path, 'the token or container', flags, host)
  try {
    return await tokensIn(container)
  } catch (error) {
    if (!(error instanceof MalformedError) || path === undefined) throw error
    const { requirement, kind } = error
    throw new MalformedError(requirement, `${quote(path, 128)}: ${error.message}`, { kind })
  }
}

/** Reads the container of a file or of standard input; an encrypted file of delegations is opened. */
export async function readContainer(
  path: string | undefined,
  what: string,
  flags: Flags,
  host: Host,
): Promise<string | Uint8Array> {
  const bytes = await readInput(path, what, host)
  return isSealedFile(bytes) ? openSealedFile(path, flags, host) : containerIn(bytes)
}

/** The same for the verbs that need delegations of UCAN 1.0. */
export async function readDelegations(
  path: string | undefined,
  flags: Flags,
  host: Host,
): Promise<readonly Delegation[]> {
  const { delegations, others } = await readTokens(path, flags, host)
  if (others.length > 0) throw new UsageError(otherVersion)
  if (delegations.length === 0) throw new UsageError('the input has no delegation')
  return delegations
}

/** An input in the form in which readers of containers take it: text without the white space around it, or bytes. */
function containerIn(bytes: Uint8Array): string | Uint8Array {
  return textIn(bytes) ?? bytes
}

/**
 * The tokens of an input with several lines in one container, as an agent receives them. Any other input, and one that
 * is malformed, is returned unchanged.
 */
export async function inOneContainer(container: string | Uint8Array): Promise<string | Uint8Array> {
  if (typeof container !== 'string' || linesIn(container).length === 1) return container
  try {
    const { delegations, invocations, others } = await tokensIn(container)
    if (others.length > 0) throw new UsageError(otherVersion)
    return encodeContainer([...delegations, ...invocations])
  } catch (error) {
    if (error instanceof MalformedError) return container
    throw error
  }
}

/**
 * The formats of an input, if it is not of UCAN 1.0. The format of 0.9.1 is loaded only for an input that may have it.
 */
export async function otherFormats(
  container: string | Uint8Array,
): Promise<readonly TokenFormat<UcantoToken>[] | undefined> {
  // Archives are CAR files, as bytes or in multibase, and agent messages; none begins like a usual container.
  if (typeof container === 'string' && /^[BC]/.test(container)) return undefined
  const { ucantoFormat } = await import('procura/ucanto')
  const format = ucantoFormat()
  return format.recognizes(container) ? [format] : undefined
}

/** The tokens of a container in any form, or one bare token. */
export async function tokensIn(given: string | Uint8Array): Promise<ReadTokens> {
  // A person may have copied white space with it. Whether a service accepts it then is the question of `why`.
  const container = typeof given === 'string' ? given.trim() : given
  const lines = linesIn(container)
  return lines.length === 1 ? readOne(container) : readLines(container, lines)
}

/** The lines of a text, without the empty ones. */
function linesIn(container: string | Uint8Array): readonly string[] {
  if (typeof container !== 'string') return ['']
  return container.split(/\r?\n/).filter((line) => line.trim() !== '')
}

/**
 * Reads a file with one container a line, as `cat` and shell loops make them, and stores of delegations read them. A
 * token that is in several is returned once.
 *
 * @throws MalformedError of the whole text when its first line is not a container, and otherwise of the first malformed
 *   line.
 */
async function readLines(container: string | Uint8Array, lines: readonly string[]): Promise<ReadTokens> {
  const found = new Map<string, { readonly kind: keyof ReadTokens; readonly token: unknown }>()
  for (const [at, line] of lines.entries()) {
    let tokens: ReadTokens
    try {
      tokens = await readOne(line.trim())
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      if (at === 0) return readOne(container)
      const { requirement, kind } = error
      throw new MalformedError(requirement, `line ${at + 1} of ${lines.length}: ${error.message}`, { kind })
    }
    for (const kind of ['delegations', 'invocations', 'others'] as const)
      for (const token of tokens[kind]) found.set(String(token.cid), { kind, token })
    if (found.size > mostTokens)
      throw new UsageError(`the input has more than ${mostTokens} tokens; pass fewer at a time`)
  }
  const of = <Kind extends keyof ReadTokens>(wanted: Kind): ReadTokens[Kind] =>
    [...found.values()].filter(({ kind }) => kind === wanted).map(({ token }) => token) as never
  return { delegations: of('delegations'), invocations: of('invocations'), others: of('others') }
}

/** Reads one container, or one bare token. */
async function readOne(container: string | Uint8Array): Promise<ReadTokens> {
  const bare = bareToken(container)
  if (bare !== undefined) return readBare(bare)
  const formats = await otherFormats(container)
  return openContainer<UcantoToken>(container, { ...reading, ...(formats !== undefined && { formats }) })
}

/** The bytes of a token without a container: a list of two items, the first of which is a signature of 64 bytes. */
function bareToken(input: string | Uint8Array): Uint8Array | undefined {
  if (typeof input !== 'string') return input[0] === 0x82 ? input : undefined
  if (!/^glhA[A-Za-z0-9+/_-]*={0,2}$/.test(input)) return undefined
  return Uint8Array.from(Buffer.from(input, 'base64'))
}

async function readBare(bytes: Uint8Array): Promise<ReadTokens> {
  const delegation = await decodeDelegation(bytes, reading).catch(() => undefined)
  if (delegation !== undefined) return { delegations: [delegation], invocations: [], others: [] }
  return { delegations: [], invocations: [await decodeInvocation(bytes, reading)], others: [] }
}
