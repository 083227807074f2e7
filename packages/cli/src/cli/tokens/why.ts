// node only: reads files
import {
  authorize,
  createAuthorizer,
  type Decision,
  type Delegation,
  type Denial,
  encodeContainer,
  type IpldMap,
  invoke,
  never,
  systemClock,
} from 'procura'
import { isDid } from 'procura/did'
import { MalformedError } from 'procura/errors'
import { explainPolicy } from 'procura/policy'
import { describeSignerFile, type SignerFileEntry } from 'procura/signer/file'
import type { Host } from '../host.ts'
import { didOf } from '../terminal/did-text.ts'
import { readInput } from '../terminal/read-input.ts'
import { readMoment, showDate, showDistance } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf, textsOf } from '../verb.ts'
import { chainFor } from './choose-chain.ts'
import { type ContextContainer, type DecisionContext, optionsIn, readContext } from './decision-context.ts'
import { openSigner } from './open-signer.ts'
import { otherFormats, type ReadTokens, readContainer, tokensIn } from './read-tokens.ts'

/**
 * `procura why [FILE]`: whether a service would allow the call of a container, now or at another time, and why not. The
 * authorizer itself decides; this verb only asks it. CLI-09
 *
 * @returns 1 when the call is refused.
 */
export async function why(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const [path, ...more] = words
  if (more.length > 0) throw new UsageError('too many words; pass one file')
  const input = await readContainer(path, 'the container', flags, host)
  const tokens = await readable(input)
  const given = await contextOf(flags, host)
  const time = given.time ?? systemClock.now()
  const signed = await signedCall(tokens, time, flags, host)
  const container = signed?.container ?? input
  const audience = given.audience ?? signed?.audience ?? audienceIn(tokens)
  if (audience === undefined) throw new UsageError('--audience is missing: the DID of the service that decides')
  const context: DecisionContext = {
    subjects: 'any',
    commands: 'any',
    revoked: [],
    seen: [],
    unavailable: [],
    options: {},
    // A context names the formats of its service.
    ...(textOf(flags, 'context') === undefined &&
      (await otherFormats(container)) !== undefined && { formats: ['1.0.0', '0.9.1'] }),
    ...given,
    time,
    audience,
  }
  const decision = await decide(container, context)
  if (flags['json'] === true) host.print(JSON.stringify(jsonOf(decision)))
  else {
    const decided = signed === undefined ? tokens : await readable(container)
    for (const line of linesOf(decision, decided, time)) host.print(line)
  }
  if (signed === undefined && tokens?.invocations.length === 0 && tokens.delegations.length > 0)
    host.complain(
      'note: to ask about a call with these delegations, name the key of its agent with --from, and --command',
    )
  if (context.subjects === 'any')
    host.complain('note: every subject is accepted; name those of the service with --subject')
  return decision.allowed ? 0 : 1
}

async function decide(container: string | Uint8Array, context: DecisionContext): Promise<Decision> {
  const options = await optionsIn(context)
  if (context.seen.length === 0) return authorize(container, options)
  const authorizer = createAuthorizer(options)
  for (const earlier of context.seen) await authorizer.authorize(bytesOf(earlier))
  return authorizer.authorize(container)
}

function bytesOf(container: ContextContainer): string | Uint8Array {
  return typeof container === 'string' ? container : Uint8Array.from(Buffer.from(container.bytes, 'base64url'))
}

/**
 * The tokens, to find defaults and to explain the answer. An input that cannot be read is refused by the authorizer.
 */
async function readable(input: string | Uint8Array): Promise<ReadTokens | undefined> {
  return tokensIn(input).catch((error: unknown) => {
    if (error instanceof MalformedError) return undefined
    throw error
  })
}

async function contextOf(flags: Flags, host: Host): Promise<Partial<DecisionContext>> {
  const file = textOf(flags, 'context')
  const read =
    file === undefined ? {} : readContext(new TextDecoder().decode(await readInput(file, 'the context', host)))
  const at = textOf(flags, 'at')
  const audience = textOf(flags, 'audience')
  const [subjects, revoked] = [textsOf(flags, 'subject'), textsOf(flags, 'revoked')]
  if (audience !== undefined) didOf('audience', audience)
  for (const subject of subjects) didOf('subject', subject)
  for (const id of revoked)
    if (!isDid(id) && !/^[bfz][A-Za-z0-9]{40,100}$/.test(id))
      throw new UsageError('--revoked must be the CID of a delegation (bafy…), or the DID of a principal')
  return {
    ...read,
    ...(at !== undefined && { time: readMoment('at', at, systemClock.now()) }),
    ...(audience !== undefined && { audience }),
    ...(subjects.length > 0 && { subjects }),
    ...(revoked.length > 0 && { revoked: [...(read.revoked ?? []), ...revoked.map((id) => ({ id }))] }),
  }
}

/** A container with delegations alone, and the call that the holder of a key would make with them. */
async function signedCall(
  tokens: ReadTokens | undefined,
  time: number,
  flags: Flags,
  host: Host,
): Promise<{ readonly container: string; readonly audience: string } | undefined> {
  const path = textOf(flags, 'from')
  const command = textOf(flags, 'command')
  const argsFile = textOf(flags, 'args-file')
  if (path === undefined) {
    if (command !== undefined || argsFile !== undefined)
      throw new UsageError(
        '--command and --args-file describe a call that is signed for the question; --from names its key',
      )
    return undefined
  }
  const delegations = tokens?.delegations ?? []
  if (tokens === undefined || tokens.invocations.length > 0 || delegations.length === 0)
    throw new UsageError('with --from, the input must be delegations without an invocation')
  if (command === undefined) throw new UsageError('--command is missing: the command to call')
  const args = argsFile === undefined ? {} : await readArguments(argsFile, host)
  const { keys } = await describeSignerFile({ path })
  const { did } = (keys.find((one) => delegations.some(({ audience: to }) => to === one.did)) ??
    keys[0]) as SignerFileEntry
  const proofs = chainFor(did, delegations, flags)
  const audience = textOf(flags, 'audience') ?? (proofs[0] as Delegation).issuer
  const { signer, previous } = await openSigner(path, flags, host)
  const invoker = [signer, ...previous].find((one) => one.did === did) ?? signer
  const call = await invoke({ issuer: invoker, audience, command, args, proofs, clock: { now: () => time } })
  return { container: encodeContainer([call, ...proofs]), audience }
}

async function readArguments(path: string, host: Host): Promise<IpldMap> {
  try {
    const args: unknown = JSON.parse(new TextDecoder().decode(await readInput(path, 'the arguments', host)))
    if (typeof args === 'object' && args !== null && !Array.isArray(args)) return args as IpldMap
    throw new UsageError('--args-file must be a JSON object')
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError('--args-file must be a JSON object')
    throw error
  }
}

function audienceIn(tokens: ReadTokens | undefined): string | undefined {
  const [call] = tokens?.invocations ?? []
  // Without a call to read, the refusal is the same for every service.
  return call?.audience ?? call?.subject ?? tokens?.others[0]?.audience ?? 'did:web:service.invalid'
}

function jsonOf(decision: Decision): object {
  if (decision.allowed) {
    const { subject, invoker, command, notBefore, expiration, proofs } = decision.authorization
    return {
      ...{ allowed: true, subject, invoker, command },
      ...(notBefore !== undefined && { notBefore }),
      ...{ expiration: expiration === never ? null : expiration, proofs: proofs.map(String) },
    }
  }
  const { call: _, missing, ...denial } = decision.denial
  return { allowed: false, ...denial, ...(missing !== undefined && { missing: missing.map(String) }) }
}

function linesOf(decision: Decision, tokens: ReadTokens | undefined, now: number): readonly string[] {
  if (!decision.allowed) return denialLines(decision.denial, tokens)
  const { subject, invoker, command, expiration, proofs } = decision.authorization
  return [
    `allowed: ${command}`,
    `  by      ${invoker}`,
    `  for     ${subject}`,
    `  chain   ${proofs.length === 0 ? 'none: the subject itself calls' : proofs.map(String).join(' ')}`,
    `  until   ${expiration === never ? 'for ever' : `${showDate(expiration)} (${showDistance(expiration, now)})`}`,
  ]
}

function denialLines(
  { code, message, requirement, at, approvable }: Denial,
  tokens: ReadTokens | undefined,
): readonly string[] {
  const lines = [`refused: ${message}`, `  code    ${code} (${requirement})`]
  const [call] = tokens?.invocations ?? []
  const link = at === undefined ? undefined : call?.proofs[at]?.toString()
  const delegation = link === undefined ? undefined : tokens?.delegations.find(({ cid }) => cid.toString() === link)
  if (code === 'policy_unsatisfied' && call !== undefined && delegation !== undefined) {
    for (const { description, outcome } of explainPolicy(delegation.policy, call.args, { redact: true }).statements)
      lines.push(`  ${outcome === 'true' ? 'holds ' : 'fails '}  ${description}`)
  }
  if (approvable !== undefined) {
    const { command, audience, subject } = approvable
    const [begin, which] = cures.get(code) ?? ['a delegation', '']
    lines.push(
      `  cure    ${begin} of ${command}${which} to ${audience} by ${subject}, or by a holder of that authority`,
    )
  }
  return lines
}

/** How the delegation that is necessary differs from the one that was used. */
const cures: ReadonlyMap<string, readonly [string, string]> = new Map([
  ['policy_unsatisfied', ['other arguments; or a delegation', ', for these arguments,']],
  ['expired', ['a new delegation', '']],
])
