import { refusePromise } from '../check-options.ts'
import { decodeDelegation } from '../delegation/decode-delegation.ts'
import type { Delegation } from '../delegation/delegation.ts'
import { completeDecoding } from '../envelope/complete-decoding.ts'
import { type DecodeOptions, openEnvelope } from '../envelope/open.ts'
import { ArgumentError } from '../errors.ts'
import { decodeInvocation } from '../invocation/decode-invocation.ts'
import type { Invocation } from '../invocation/invocation.ts'
import { splitContainer } from './container.ts'

/** The tokens of a container, read and not verified, in the order found. */
export interface ContainerContents {
  readonly delegations: readonly Delegation[]
  readonly invocations: readonly Invocation[]
}

/**
 * Reads every token of a container: for whoever receives delegations, or wants to look inside. To decide about a call,
 * hand the container to `authorize` as it is.
 *
 * @throws {@link MalformedError} when it is not a container, or one of its tokens is not a token.
 * @throws {@link ArgumentError} when it is neither text nor bytes, or an option is not of its type.
 */
export async function openContainer(
  container: string | Uint8Array,
  options: DecodeOptions = {},
): Promise<ContainerContents> {
  const reading = completeDecoding('openContainer', options)
  const { limits, accept } = reading
  refusePromise('container', container)
  if (typeof container !== 'string' && !(container instanceof Uint8Array)) {
    throw new ArgumentError('a container is a string or bytes')
  }
  const delegations: Delegation[] = []
  const invocations: Invocation[] = []
  for (const bytes of await splitContainer(container, limits)) {
    if (openEnvelope(bytes, limits, accept).tag.kind === 'delegation')
      delegations.push(await decodeDelegation(bytes, reading))
    else invocations.push(await decodeInvocation(bytes, reading))
  }
  return Object.freeze({ delegations: Object.freeze(delegations), invocations: Object.freeze(invocations) })
}
