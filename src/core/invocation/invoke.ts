import type { CID } from 'multiformats/cid'
import { type Bounds, completeBounds } from '../../bounds.ts'
import { ArgumentError } from '../../errors.ts'
import { strayHint } from '../../support/near-name.ts'
import {
  abortSignal,
  anything,
  arrayOf,
  maybe,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  readOptions,
  withMethod,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { secondsOf, systemClock } from '../../time.ts'
import { type CommandDefinition, commandOf } from '../capability/definition.ts'
import { missingArgument } from '../capability/missing-argument.ts'
import { anySubject, type Subject } from '../capability/subject.ts'
import { didOption } from '../did/did-option.ts'
import { readersOfParsed } from '../envelope/fields.ts'
import { chooseExpiration, type LifetimeOptions, lifetimeChecks } from '../envelope/lifetime.ts'
import { chooseNonce } from '../envelope/nonce.ts'
import { sealEnvelope } from '../envelope/seal.ts'
import { type IpldMap, isCid } from '../ipld/value.ts'
import { parsedDids, type Signer } from '../principal/signer.ts'
import { invocationFrom } from './decode-invocation.ts'
import type { Invocation, InvocationFields } from './invocation.ts'
import { readInvocationPayload, writeInvocationPayload } from './payload.ts'

/** Seconds for which an invocation is valid by default: one minute. */
const defaultLifetime = 60

/** The parts of a proof that an invocation needs; every delegation has them. */
export interface ProofLike {
  readonly cid: CID
  readonly subject: Subject
}

/** Options of {@link invoke}. With a definition that requires an argument, `args` must be given. */
export type InvokeOptions<Args = IpldMap> = LifetimeOptions & {
  /** The invoker, who signs: the audience of the last proof. */
  readonly issuer: Signer
  /** The owner of the authority that is used. Default: the subject of the proofs, or the issuer without proofs. */
  readonly subject?: string
  /** The DID of the service that executes the call. Default: the subject. */
  readonly audience?: string
  /** The command. A definition also gives the arguments their type. */
  readonly command: string | CommandDefinition<Args>
  /** The arguments. Default: none, if the command requires none. */
  readonly args?: Args
  /** The chain that proves the authority, root first. Default: none, for a call with your own authority. */
  readonly proofs?: readonly ProofLike[]
  /** Up to 64 bytes; empty for an idempotent task. Default: 12 random ones. */
  readonly nonce?: Uint8Array
  /** The receipt of the task that requested this one. */
  readonly cause?: CID
  /** Signed notes that carry no authority. */
  readonly meta?: IpldMap
  /** The bounds of the service, if they are not the default ones: `tokenBytes`, `depth` and `items` of the call. */
  readonly bounds?: Partial<Bounds>
  /** Aborts signing. */
  readonly signal?: AbortSignal | undefined
} & (Record<never, never> extends Args ? unknown : { readonly args: Args })

/**
 * Makes a call: signs a command with its arguments, under the authority of the proofs. The call is valid for one minute
 * by default. Services accept five minutes at most by default.
 *
 * Send it with its proofs: `encodeContainer([call, ...proofs])`.
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @throws MalformedError when `command`, `args`, `cause` or `meta` is malformed.
 * @throws SigningError when the signer fails.
 *
 * @example
 * ```ts
 * import { invoke } from 'procura'
 *
 * const call = await invoke({
 *   issuer: agent,
 *   audience: service.did,
 *   command: send,
 *   args: { to: 'bob@example.com' },
 *   proofs: [grant],
 * })
 * ```
 */
export async function invoke<Args = IpldMap>(options: InvokeOptions<Args>): Promise<Invocation> {
  const given = readOptions<InvokeOptions<Args>>('invoke', options, optionChecks)
  const { issuer, clock = systemClock, cause, meta, proofs = [] } = given
  const subject = didOption('subject', given.subject ?? subjectOf(proofs) ?? issuer.did)
  const { args = {} } = given
  // TOK-21
  const missing = missingArgument(given.command, args)
  if (missing !== undefined) {
    // The argument may be there under a misspelled name.
    const hint = strayHint(args, Object(given.command).args)
    throw new ArgumentError(
      `command ${quote(commandOf(given.command))} needs the argument ${quote(missing)}${hint}; add it to \`args\``,
    )
  }
  const fields: InvocationFields = {
    issuer: issuer.did,
    subject,
    ...(given.audience !== undefined && { audience: didOption('audience', given.audience) }),
    command: commandOf(given.command),
    args: args as IpldMap,
    proofs: proofs.map(({ cid }) => cid),
    nonce: chooseNonce(given.nonce, 0, issuer),
    expiration: chooseExpiration(given, defaultLifetime),
    issuedAt: secondsOf(clock),
    ...(cause !== undefined && { cause }),
    ...(meta !== undefined && { meta }),
  }
  return sealInvocation(fields, issuer, { signal: given.signal, bounds: completeBounds(given.bounds) })
}

/** An object with the CID of a delegation. */
export const delegationCheck: OptionCheck = (value) => (isCid(Object(value).cid) ? undefined : 'must be a delegation')

const optionChecks: OptionChecks<InvokeOptions> = Object.freeze({
  issuer: withMethod('sign'),
  subject: anything,
  audience: anything,
  command: anything,
  args: anything,
  proofs: maybe(arrayOf(delegationCheck)),
  ...lifetimeChecks,
  nonce: anything,
  cause: anything,
  meta: anything,
  bounds: maybe(objectValue),
  signal: abortSignal,
})

/** Options of {@link sealInvocation}. */
interface SealInvocationOptions {
  readonly signal: AbortSignal | undefined
  /** The bounds of its readers. Default: the default bounds. */
  readonly bounds?: Bounds
  /** Receives the arguments as they will be signed. If it throws, nothing is signed. */
  readonly accept?: (args: IpldMap) => void
}

/** Signs an invocation whose fields were computed. */
export async function sealInvocation(
  fields: InvocationFields,
  issuer: Signer,
  { signal, bounds, accept }: SealInvocationOptions,
): Promise<Invocation> {
  const { subject, audience } = fields
  const own = parsedDids(issuer)
  // A subject is an option, which is parsed, or the DID of the issuer. Another signer may return any string as that.
  const parsed = [...own, ...(own.length > 0 ? [subject] : []), ...(audience === undefined ? [] : [audience])]
  const known = readersOfParsed(parsed)
  const sealed = await sealEnvelope({
    kind: 'invocation',
    payload: writeInvocationPayload(fields),
    signer: issuer,
    signal,
    bounds,
    read: (payload) => {
      const read = readInvocationPayload(payload, false, known)
      accept?.(read.args)
      return read
    },
  })
  return invocationFrom(sealed.envelope, sealed.fields, sealed.cid)
}

/** The subject that the proofs name; links without a subject inherit it. */
function subjectOf(proofs: readonly ProofLike[]): string | undefined {
  const subject = proofs.find(({ subject }) => subject !== anySubject)?.subject
  if (proofs.length > 0 && (subject === undefined || subject === anySubject)) {
    throw new ArgumentError('the proofs have no subject; pass the owner of the authority as `subject`')
  }
  return subject as string | undefined
}
