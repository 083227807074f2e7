import type { CryptoBackend } from '../core/principal/backend/backend.ts'
import type { RevocationRecord, RevocationStore } from '../core/revocation/revocation-store.ts'
import { isPromiseLike } from '../support/promise.ts'
import { lazy } from './lazy.ts'
import type { TokenTable } from './open-archive.ts'
import { twinName } from './signature-frame.ts'

type FoundRevocations = ReturnType<RevocationStore['findRevocations']>

/**
 * A store that queries another store once for a call, for all CIDs and principals in its archive. The number of lookups
 * then does not depend on the number of paths.
 */
export function rememberedRevocations(
  store: RevocationStore,
  tokens: TokenTable,
  backend: Pick<CryptoBackend, 'sha256'>,
): RevocationStore {
  const names = lazy(() => namesIn(tokens, backend))
  let answer: FoundRevocations | undefined

  function find(
    all: ReadonlySet<string>,
    ...[ids, options]: Parameters<RevocationStore['findRevocations']>
  ): FoundRevocations {
    // All ids come from the archive. An id from elsewhere is still looked up, never assumed unrevoked.
    const isKnown = ids.every((id) => all.has(id))
    answer ??= store.findRevocations([...all], options)
    // A store answers for the principals of the question alone: a part of it would be another question.
    const more = isKnown ? [] : store.findRevocations(ids, options)
    const relevant = (record: RevocationRecord): boolean => !all.has(record?.id) || ids.includes(record.id)
    const join = (a: readonly RevocationRecord[], b: readonly RevocationRecord[]): readonly RevocationRecord[] =>
      [...a, ...b].filter(relevant)
    if (!isPromiseLike(answer) && !isPromiseLike(more)) return join(answer, more)
    return Promise.all([answer, more]).then(([a, b]) => join(a, b))
  }

  return {
    findRevocations(ids, options) {
      const all = names()
      return isPromiseLike(all) ? all.then((known) => find(known, ids, options)) : find(all, ids, options)
    },
  }
}

function namesIn(
  tokens: TokenTable,
  backend: Pick<CryptoBackend, 'sha256'>,
): ReadonlySet<string> | Promise<ReadonlySet<string>> {
  const own = [...tokens.values()].flatMap(({ token, cid }) => [cid.toString(), token.issuer, token.audience])
  const twins = [...tokens.values()].map(({ token }) => twinName(token, backend))
  const join = (others: readonly (string | undefined)[]): ReadonlySet<string> =>
    new Set([...own, ...others.filter((name) => name !== undefined)])
  return twins.some(isPromiseLike) ? Promise.all(twins).then(join) : join(twins as (string | undefined)[])
}
