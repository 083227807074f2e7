import { decodeDelegation } from '../delegation/decode-delegation.ts'
import type { Delegation } from '../delegation/delegation.ts'
import { type DecodeOptions, openEnvelope } from '../envelope/open.ts'
import { decodeInvocation } from '../invocation/decode-invocation.ts'
import type { Invocation } from '../invocation/invocation.ts'
import { completeLimits } from '../limits.ts'
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
 */
export async function openContainer(
  container: string | Uint8Array,
  options: DecodeOptions = {},
): Promise<ContainerContents> {
  const limits = completeLimits(options.limits)
  const delegations: Delegation[] = []
  const invocations: Invocation[] = []
  for (const bytes of await splitContainer(container, limits)) {
    if (openEnvelope(bytes, limits, options.accept).tag.kind === 'delegation')
      delegations.push(await decodeDelegation(bytes, options))
    else invocations.push(await decodeInvocation(bytes, options))
  }
  return Object.freeze({ delegations: Object.freeze(delegations), invocations: Object.freeze(invocations) })
}
