import { backend } from '#backend'
import { runAsync } from '../authorization/machinery/steps.ts'
import { parseDid } from '../did/did.ts'
import { tokenKey } from '../ipld/cid.ts'
import { completeLimits, type Limits } from '../limits.ts'
import { maybe, objectValue, readOptions } from '../support/options.ts'
import { archiveBytes } from './archive-text.ts'
import { type Archive, linksOf, type NamedToken, openArchive, type TokenTable } from './open-archive.ts'
import { tokenOf, type UcantoToken } from './token.ts'

/** Options of {@link decode}. */
export interface DecodeArchiveOptions {
  /** Bounds on what is read. */
  readonly limits?: Partial<Limits>
}

/**
 * Reads an archive in any of its forms (a CAR file; its text in multibase or base64, also as an identity CID), or an
 * agent message that asks for invocations. Every token is opened strictly and none is verified: to decide about a
 * call, hand what you have to `authorize` as it is.
 *
 * @returns the tokens that it is about: one for an archive, one for each invocation of a message.
 * @throws MalformedError when it is not exactly that.
 */
export async function decode(
  archive: string | Uint8Array,
  options: DecodeArchiveOptions = {},
): Promise<readonly UcantoToken[]> {
  const given = readOptions('ucanto.decode', options, { limits: maybe(objectValue) })
  const limits = completeLimits(given.limits)
  const bytes = archiveBytes(archive, limits)
  const context = { limits, parseDid, sha256: (block: Uint8Array) => backend.sha256(block) }
  const opened = await runAsync(openArchive(bytes, context))
  return Object.freeze(opened.first.map((token) => publicToken(token, opened)))
}

/** A token, and by name the tokens that its own proofs lead to. */
export function publicToken(
  start: NamedToken,
  { tokens, attached }: Pick<Archive, 'tokens' | 'attached'>,
): UcantoToken {
  const made = new Map<string, UcantoToken>()
  /** The same object wherever a token is named. */
  const proofOf = (proof: NamedToken): UcantoToken => {
    const known = made.get(proof.key)
    if (known !== undefined) return known
    const token = tokenOf(proof, () => includedIn(proof))
    made.set(proof.key, token)
    return token
  }
  const includedIn = (token: NamedToken): ReadonlyMap<string, UcantoToken> =>
    new Map(reachedFrom(token, tokens).map((proof) => [proof.cid.toString(), proofOf(proof)]))
  const links = attached.size === 0 ? [] : linksOf(start.token)
  const blocks = links.flatMap((cid) => attached.get(tokenKey(cid)) ?? [])
  return tokenOf(start, () => includedIn(start), new Map(blocks.map((block) => [block.cid.toString(), block.bytes])))
}

/** UCT-63: the tokens that the proofs of one lead to, as far as they are there. */
function reachedFrom(start: NamedToken, tokens: TokenTable): readonly NamedToken[] {
  const reached = new Map<string, NamedToken>()
  const waiting = [...start.proofs.keys()]
  for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
    const proof = tokens.get(key)
    if (proof === undefined || reached.has(key)) continue
    reached.set(key, proof)
    waiting.push(...proof.proofs.keys())
  }
  return [...reached.values()]
}
