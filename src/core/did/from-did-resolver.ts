/**
 * An adapter for resolvers of the package `did-resolver`.
 *
 * @module
 */

import { ArgumentError, ResolutionError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { objectValue, readOptions, refusePromise, withDefault } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { type Did, didMethod } from './did.ts'
import {
  defaultRelationships,
  documentKeys,
  relationshipsCheck,
  type VerificationRelationship,
} from './did-document.ts'
import type { DidResolver, ResolvedDid } from './resolver.ts'

/** The result of a resolution by `did-resolver`. */
export interface ResolutionResultLike {
  readonly didResolutionMetadata?: { readonly error?: string }
  readonly didDocument?: unknown
  readonly didDocumentMetadata?: { readonly deactivated?: boolean }
}

/** A `Resolver` of `did-resolver`, or any object with its method. */
export interface ResolvableLike {
  resolve(did: string): Promise<ResolutionResultLike>
}

/** A parsed DID, as the functions of a registry receive it. */
export interface ParsedDidLike {
  readonly did: string
  readonly didUrl: string
  readonly method: string
  readonly id: string
}

/** The result of `getResolver()` in the package of a DID method: a function for each method. */
export type ResolverRegistryLike = Readonly<
  Record<string, (did: string, parsed: ParsedDidLike, resolver: never, options: never) => Promise<ResolutionResultLike>>
>

/** Options of {@link fromDidResolver}. */
export interface FromDidResolverOptions {
  /**
   * A key is accepted when the document lists it under every one of these. Default `capabilityInvocation` and
   * `capabilityDelegation`. A key that is listed only for authentication or for assertions is not meant to delegate
   * authority. Choose other relationships only for documents whose owner you know.
   */
  readonly relationships?: readonly VerificationRelationship[]
}

/**
 * Makes a resolver from one of `did-resolver`, or from the registry of such a package:
 *
 * ```ts
 * const resolver = fromDidResolver(new Resolver({ ...getKeyResolver(), ...getWebResolver() }))
 * ```
 *
 * It resolves with undefined when the inner resolver reports that the DID does not exist, is not supported, or is
 * deactivated. It rejects with a ResolutionError when the inner resolver fails or returns the document of another DID.
 * The inner resolver cannot be cancelled: when `signal` is aborted, its result is ignored.
 *
 * @throws ArgumentError when `resolver` is neither a resolver nor a registry, or an option is invalid.
 */
export function fromDidResolver(
  resolver: ResolvableLike | ResolverRegistryLike,
  options: FromDidResolverOptions = {},
): DidResolver {
  const given = readOptions('fromDidResolver', options, {
    relationships: withDefault(relationshipsCheck, defaultRelationships),
  })
  refusePromise('resolver', resolver)
  if (objectValue(resolver) !== undefined) throw new ArgumentError('fromDidResolver: `resolver` must be an object')
  const relationships = [...given.relationships]
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
    const reason = typeof error === 'string' ? quote(error) : 'the error is not a string'
    throw new ResolutionError(`${quote(did)} could not be resolved: ${reason}`)
  }
  if (result?.didDocumentMetadata?.deactivated === true) return undefined
  return { keys: documentKeys(did, result?.didDocument, relationships) }
}

/** DID-10: these errors of DID Resolution mean that the DID has no keys here. Every other error is a failure. */
const noSuchDid: readonly string[] = ['notFound', 'invalidDid', 'unsupportedDidMethod', 'methodNotSupported']

function isResolvable(resolver: ResolvableLike | ResolverRegistryLike): resolver is ResolvableLike {
  return typeof resolver.resolve === 'function'
}

function ofRegistry(registry: ResolverRegistryLike): ResolvableLike {
  const byMethod = new Map(Object.entries(registry))
  if (byMethod.size === 0 || ![...byMethod.values()].every((resolve) => typeof resolve === 'function')) {
    throw new ArgumentError(
      'fromDidResolver: pass an object with a method `resolve`, or a registry with a function for each DID method',
    )
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
