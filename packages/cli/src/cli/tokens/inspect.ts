// node only: reads files
import { anySubject, type Delegation, type Invocation, never, systemClock } from 'procura'
import { MalformedError } from 'procura/errors'
import { describePolicy } from 'procura/policy'
import { drawDelegations } from 'procura/token'
import type { UcantoToken } from 'procura/ucanto'
import type { Host } from '../host.ts'
import { logNames } from '../logs/log-names.ts'
import { inOwnWords } from '../terminal/own-words.ts'
import { plainValue, showArguments } from '../terminal/show-value.ts'
import { readMoment, showDate, showDistance } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { type DrawnChain, drawChains } from './draw-chains.ts'
import { type ReadTokens, readContainer, tokensIn } from './read-tokens.ts'

/**
 * `procura inspect [FILE]`: shows every token of an input in words, and the chains that they form. Invalid input is an
 * answer, with the requirement that it violates. CLI-06
 *
 * @returns 1 when the input is not a token or container, or one of its chains does not verify.
 */
export async function inspect(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const [path, ...more] = words
  if (more.length > 0) throw new UsageError('too many words; pass one file')
  const isPicture = flags['svg'] === true
  if (isPicture && flags['json'] === true) throw new UsageError('pass --svg or --json, not both')
  if (!isPicture && textOf(flags, 'names') !== undefined) throw new UsageError('--names is for --svg')
  const now = readMoment('at', textOf(flags, 'at') ?? 'now', systemClock.now())
  const input = await readContainer(path, 'the token or container', flags, host)
  let tokens: ReadTokens
  try {
    tokens = await tokensIn(input)
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    const { requirement, kind } = error
    const message = inOwnWords(error.message)
    if (flags['json'] === true) host.print(JSON.stringify({ readable: false, kind, requirement, message }))
    else host.print(`not readable: ${message} (${requirement})${hintFor(input)}`)
    return 1
  }
  const chains = await drawChains(tokens, now)
  const code = chains.every(({ verified }) => verified) ? 0 : 1
  if (isPicture) {
    await printPicture(tokens, now, flags, host)
    return code
  }
  const shown = [...tokens.invocations, ...tokens.delegations].map((token) => factsOf(token))
  const others = tokens.others.flatMap((token) => [token, ...token.included.values()]).map(ucantoFacts)
  if (flags['json'] === true) {
    host.print(
      JSON.stringify({
        readable: true,
        tokens: [...shown, ...others].map(({ lines: _, ...facts }) => facts),
        chains: chains.map(({ json }) => json),
      }),
    )
  } else {
    printText([...shown, ...others], chains, now, host)
  }
  return code
}

/** LOG-33 */
async function printPicture({ delegations }: ReadTokens, now: number, flags: Flags, host: Host): Promise<void> {
  if (delegations.length === 0)
    throw new UsageError('the input has no delegation of UCAN 1.0, so --svg has nothing to draw')
  const { all: names } = await logNames(flags, host)
  host.print(drawDelegations(delegations, { names, clock: { now: () => now } }))
}

/** The facts of a token, as the JSON output has them. */
export interface TokenFacts {
  readonly kind: string
  readonly cid: string
  readonly version: string
  readonly issuer: string
  readonly audience: string | null
  /** `null`: any subject. */
  readonly subject: string | null
  readonly command: string
  /** The policy in words. */
  readonly policy?: readonly string[]
  readonly args?: unknown
  readonly notBefore?: number
  /** `null`: never. */
  readonly expiration: number | null
  readonly lines: readonly string[]
}

function factsOf(token: Delegation | Invocation): Omit<TokenFacts, 'lines'> & { readonly lines: readonly string[] } {
  const { kind, cid, version, issuer, command, notBefore, expiration, meta } = token
  const isDelegation = token.kind === 'delegation'
  const policy = isDelegation ? describePolicy(token.policy) : undefined
  return {
    kind: isDelegation ? kind : (namedCommands.get(command) ?? kind),
    cid: cid.toString(),
    version,
    issuer,
    audience: token.audience ?? null,
    subject: token.subject === anySubject ? null : token.subject,
    command,
    ...(policy !== undefined && { policy }),
    ...(!isDelegation && { args: plainValue(token.args), proofs: token.proofs.map(String) }),
    ...(notBefore !== undefined && { notBefore }),
    expiration: expiration === never ? null : expiration,
    ...(meta !== undefined && { meta: plainValue(meta) }),
    lines: isDelegation
      ? (policy?.map((words) => `where ${words}`) ?? [])
      : showArguments(token.args).map((line) => `with ${line}`),
  }
}

/** Invocations that have a name of their own. */
const namedCommands: ReadonlyMap<string, string> = new Map([
  ['/ucan/revoke', 'revocation'],
  ['/ucan/assert/receipt', 'receipt'],
])

function ucantoFacts(token: UcantoToken): TokenFacts {
  const { cid, version, issuer, audience, capabilities, notBefore, expiration } = token
  return {
    kind: 'token',
    cid: cid.toString(),
    version,
    issuer,
    audience,
    subject: null,
    command: capabilities.map(({ can }) => can).join(', '),
    args: capabilities.map(({ can, with: resource, nb }) => ({ can, with: resource, nb: plainValue(nb) })),
    ...(notBefore !== undefined && { notBefore }),
    expiration: expiration === never ? null : expiration,
    lines: capabilities.flatMap(({ can, with: resource, nb }) => [
      `${can} on ${resource}`,
      ...showArguments(nb).map((line) => `  where ${line}`),
    ]),
  }
}

function printText(tokens: readonly TokenFacts[], chains: readonly DrawnChain[], now: number, host: Host): void {
  for (const token of tokens) {
    host.print(`${token.kind} ${token.cid}`)
    host.print(`  issuer      ${token.issuer}`)
    host.print(`  audience    ${token.audience ?? '(the subject)'}`)
    if (token.kind !== 'token') host.print(`  subject     ${token.subject ?? 'any subject'}`)
    host.print(`  command     ${token.command}${token.command === '/' ? ' (every command)' : ''}`)
    for (const line of token.lines) host.print(`  ${line}`)
    if (token.notBefore !== undefined) host.print(`  valid from  ${showMoment(token.notBefore, now)}`)
    host.print(`  ${expiryOf(token.expiration, now)}`)
    host.print('')
  }
  for (const { lines } of chains) {
    for (const line of lines) host.print(line)
    host.print('')
  }
  host.print('To ask whether a call would be allowed, use `procura why`.')
}

function expiryOf(expiration: number | null, now: number): string {
  if (expiration === null) return 'never expires'
  return `${expiration < now ? 'expired    ' : 'expires    '} ${showMoment(expiration, now)}`
}

function showMoment(time: number, now: number): string {
  return `${showDate(time)} (${showDistance(time, now)})`
}

/** Other texts of this library that people have at hand. */
function hintFor(input: string | Uint8Array): string {
  if (typeof input !== 'string') return ''
  if (input.startsWith('{"format":"procura-signer@')) return '; this is a key file, see `procura key show FILE`'
  if (input.startsWith('procura-sealed.')) return '; this is a sealed credential, which only its service opens'
  return ''
}
