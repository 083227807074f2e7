/**
 * A bridge to the resolvers written for the package `did-resolver`.
 *
 * @module
 */

import { ArgumentError, ResolutionError } from '../errors.ts'
import { unlessAborted } from '../support/abort.ts'
import { objectValue, readOptions } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { type Did, didMethod } from './did.ts'
import {
  defaultRelationships,
  documentKeys,
  relationshipsCheck,
  type VerificationRelationship,
} from './did-document.ts'
import type { DidResolver, ResolvedDid } from './resolver.ts'

/** What a resolution comes to, as `did-resolver` gives it. */
export interface ResolutionResultLike {
  readonly didResolutionMetadata?: { readonly error?: string }
  readonly didDocument?: unknown
  readonly didDocumentMetadata?: { readonly deactivated?: boolean }
}

/** A `Resolver` of `did-resolver`, or anything with its one method. */
export interface ResolvableLike {
  resolve(did: string): Promise<ResolutionResultLike>
}

/** A DID taken apart, as the functions of a registry get it. */
export interface ParsedDidLike {
  readonly did: string
  readonly didUrl: string
  readonly method: string
  readonly id: string
}

/** What `getResolver()` of a DID method's package returns: one function for each method. */
export type ResolverRegistryLike = Readonly<
  Record<string, (did: string, parsed: ParsedDidLike, resolver: never, options: never) => Promise<ResolutionResultLike>>
>

/** Options of {@link fromDidResolver}. */
export interface FromDidResolverOptions {
  /**
   * A key counts when the document lists it under every one of these. Default `capabilityInvocation` and
   * `capabilityDelegation`. A key listed only for logging in or for signing statements was not meant to pass on
   * authority; name another list only for documents whose owner you know.
   */
  readonly relationships?: readonly VerificationRelationship[]
}

/**
 * Makes a resolver of one written for `did-resolver`, or of the registry of such a package:
 *
 * ```ts
 * const resolver = fromDidResolver(new Resolver({ ...getKeyResolver(), ...getWebResolver() }))
 * ```
 *
 * It resolves undefined when the other side says that there is no such DID, that it is not of its kind, or that it is
 * deactivated; rejects with a ResolutionError when the other side fails, or answers with the document of another DID.
 * The other side cannot be stopped: when `signal` is aborted it is left to itself.
 *
 * @throws ArgumentError when it is neither a resolver nor a registry, or an option is not of its type.
 */
export function fromDidResolver(
  resolver: ResolvableLike | ResolverRegistryLike,
  options: FromDidResolverOptions = {},
): DidResolver {
  const given = readOptions('fromDidResolver', options, { relationships: relationshipsCheck })
  if (objectValue(resolver) !== undefined)
    throw new ArgumentError('a resolver of `did-resolver`, or its registry, is an object')
  const relationships = [...(given.relationships ?? defaultRelationships)]
  const resolvable = isResolvable(resolver) ? resolver : ofRegistry(resolver)
  return Object.freeze({
    resolve: async (did: Did, { signal }: { readonly signal?: AbortSignal | undefined } = {}) => {
      const result = await unlessAborted(() => ask(resolvable, did), signal)
      return read(did, result, relationships)
    },
  })
}

async function ask(resolver: ResolvableLike, did: Did): Promise<ResolutionResultLike> {
  try {
    return await resolver.resolve(did)
  } catch (cause) {
    throw new ResolutionError(`${quote(did)} could not be resolved`, { cause })
  }
}

function read(
  did: Did,
  result: ResolutionResultLike,
  relationships: readonly VerificationRelationship[],
): ResolvedDid | undefined {
  const error = result?.didResolutionMetadata?.error
  if (error !== undefined) {
    if (noSuchDid.includes(error)) return undefined
    const reason = typeof error === 'string' ? quote(error) : 'the error has no name'
    throw new ResolutionError(`${quote(did)} could not be resolved: ${reason}`)
  }
  if (result?.didDocumentMetadata?.deactivated === true) return undefined
  return { keys: documentKeys(did, result?.didDocument, relationships) }
}

/** DID-10: the errors of DID Resolution that are answers; every other one means that it is not known. */
const noSuchDid: readonly string[] = ['notFound', 'invalidDid', 'unsupportedDidMethod', 'methodNotSupported']

function isResolvable(resolver: ResolvableLike | ResolverRegistryLike): resolver is ResolvableLike {
  return typeof resolver.resolve === 'function'
}

function ofRegistry(registry: ResolverRegistryLike): ResolvableLike {
  const byMethod = new Map(Object.entries(registry))
  if (byMethod.size === 0 || ![...byMethod.values()].every((resolve) => typeof resolve === 'function')) {
    throw new ArgumentError('a resolver has a method `resolve`, or is a registry: a function for each DID method')
  }
  const self: ResolvableLike = {
    resolve: async (did: string) => {
      const method = didMethod(did as Did)
      const parsed = { did, didUrl: did, method, id: did.slice(`did:${method}:`.length) }
      const resolve = byMethod.get(method)
      return resolve === undefined
        ? { didResolutionMetadata: { error: 'unsupportedDidMethod' } }
        : resolve(did, parsed, self as never, {} as never)
    },
  }
  return self
}
