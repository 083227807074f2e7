import { isPromiseLike } from '../authorization/steps.ts'
import type { RevocationRecord, RevocationStore } from '../revocation/revocation-store.ts'
import { once } from './once.ts'
import type { TokenTable } from './open-archive.ts'

/**
 * A store that asks another once, about all tokens of an archive and their issuers, so that the number of paths is not
 * the number of look-ups. What it is asked beside those, the second names of ECDSA signatures, it passes on.
 */
export function rememberedRevocations(store: RevocationStore, tokens: TokenTable): RevocationStore {
  const names = once(() => namesIn(tokens))
  let answer: ReturnType<RevocationStore['findRevocations']> | undefined
  return {
    findRevocations(ids, options) {
      const all = names()
      answer ??= store.findRevocations([...all], options)
      const others = ids.filter((id) => !all.has(id))
      const more = others.length === 0 ? [] : store.findRevocations(others, options)
      const relevant = (record: RevocationRecord): boolean => !all.has(record?.id) || ids.includes(record.id)
      const join = (a: readonly RevocationRecord[], b: readonly RevocationRecord[]): readonly RevocationRecord[] =>
        [...a, ...b].filter(relevant)
      if (!isPromiseLike(answer) && !isPromiseLike(more)) return join(answer, more)
      return Promise.all([answer, more]).then(([a, b]) => join(a, b))
    },
  }
}

function namesIn(tokens: TokenTable): ReadonlySet<string> {
  return new Set([...tokens.values()].flatMap(({ token, cid }) => [cid.toString(), token.issuer, token.audience]))
}
