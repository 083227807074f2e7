import { didMethod } from '../core/did/did.ts'
import type { DidResolver } from '../core/did/resolver.ts'
import { ResolutionError } from '../errors.ts'
import { unlessAborted } from '../support/abort.ts'
import { isPromiseLike } from '../support/promise.ts'

/**
 * Limits the calls that wait for a resolver: strangers choose DIDs whose servers do not answer, and would take all
 * places of a guard. A `did:key` contains its key, and is not limited.
 *
 * @param most - answers that are waited for at the same time; a further question fails.
 */
export function limitedResolver(resolver: DidResolver, most: number): DidResolver {
  let waiting = 0
  return {
    resolve(did, options) {
      if (didMethod(did) === 'key') return resolver.resolve(did, options)
      // GRD-23
      if (waiting >= most)
        throw new ResolutionError(`${waiting} calls wait for the keys of their DIDs; send this call again later`)
      const answer = resolver.resolve(did, options)
      if (!isPromiseLike(answer)) return answer
      waiting += 1
      return unlessAborted(Promise.resolve(answer), options.signal).finally(() => {
        waiting -= 1
      })
    },
  }
}
