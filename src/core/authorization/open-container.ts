import { backend } from '#backend'
import { ArgumentError } from '../../errors.ts'
import { readOptions, refusePromise } from '../../support/options.ts'
import { splitContainer } from '../container/container.ts'
import { delegationOf } from '../delegation/decode-delegation.ts'
import type { Delegation } from '../delegation/delegation.ts'
import { completeDecoding, type Decoding, decodingChecks, isLenient } from '../envelope/complete-decoding.ts'
import { type DecodeOptions, openEnvelope } from '../envelope/open.ts'
import { invocationOf } from '../invocation/decode-invocation.ts'
import type { Invocation } from '../invocation/invocation.ts'
import { cidOf } from '../ipld/cid.ts'
import { formatOf, standardFormat } from './formats/standard-format.ts'
import type { TokenFormat } from './formats/token-format.ts'
import { formatsCheck } from './options.ts'

/** Options of {@link openContainer}, with the names and meanings of `authorize`. */
export interface OpenContainerOptions<Token = unknown> extends DecodeOptions {
  /** Formats in which the container may come. Default: UCAN 1.0.0 alone. */
  readonly formats?: readonly TokenFormat<Token>[]
}

/** The tokens of a container, read and not verified, in the order found. */
export interface ContainerContents<Token = unknown> {
  readonly delegations: readonly Delegation[]
  readonly invocations: readonly Invocation[]
  /**
   * The tokens of a container in another format, as that format reads them; with `ucantoFormat`, of type `UcantoToken`.
   */
  readonly others: readonly Token[]
}

/**
 * Reads every token of a container, without verifying it: for an agent that receives delegations, or for debugging. A
 * service uses `authorizer.open`, which has the options of its decisions. To decide about a call, pass the container to
 * `authorize`.
 *
 * @throws MalformedError when the container, or one of its tokens, is malformed.
 * @throws ArgumentError when it is neither a string nor bytes, or an option is not of its type.
 *
 * @example
 * ```ts
 * import { openContainer } from 'procura/token'
 *
 * const { delegations } = await openContainer(received)
 * for (const { issuer, audience, command } of delegations) console.log(issuer, audience, command)
 * ```
 */
export async function openContainer<Token = never>(
  container: string | Uint8Array,
  options: OpenContainerOptions<Token> = {},
): Promise<ContainerContents<Token>> {
  const { formats, ...given } = readOptions<OpenContainerOptions<Token>>('openContainer', options, {
    ...decodingChecks,
    formats: formatsCheck,
  })
  return readContents(container, [...(formats ?? [standardFormat])], completeDecoding(given))
}

/** The same with options that were checked. */
export async function readContents<Token>(
  container: string | Uint8Array,
  formats: readonly TokenFormat<Token>[],
  decoding: Decoding,
): Promise<ContainerContents<Token>> {
  refusePromise('container', container)
  if (typeof container !== 'string' && !(container instanceof Uint8Array)) {
    throw new ArgumentError('`container` must be a string or a Uint8Array')
  }
  const format = formatOf(container, formats)
  const delegations: Delegation[] = []
  const invocations: Invocation[] = []
  const others: Token[] = []
  // CTN-11
  if (format !== standardFormat) {
    if (format.open === undefined)
      throw new ArgumentError(`the format \`${format.name}\` has no \`open\`, so its tokens cannot be read`)
    others.push(...(await format.open(container, decoding)))
  } else {
    for (const view of await splitContainer(container, decoding.bounds)) {
      // A token that is kept keeps its own memory alone, and a copy of its memory has no other token.
      const bytes = new Uint8Array(view)
      const envelope = openEnvelope(bytes, decoding.bounds, decoding.accept)
      const lenient = isLenient(envelope, decoding)
      const cid = cidOf(await backend.sha256(bytes))
      if (envelope.tag.kind === 'delegation') delegations.push(delegationOf(envelope, cid, lenient))
      else invocations.push(await invocationOf(envelope, cid, lenient))
    }
  }
  return Object.freeze({
    delegations: Object.freeze(delegations),
    invocations: Object.freeze(invocations),
    others: Object.freeze(others),
  })
}
