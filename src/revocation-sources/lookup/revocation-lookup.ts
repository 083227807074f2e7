import { backend as platform } from '#backend'
import type { Signer } from '../../core/principal/signer.ts'
import { revocationId } from '../../core/revocation/revocation-id.ts'
import type { RevocationRecord, RevocationStore } from '../../core/revocation/revocation-store.ts'
import { ArgumentError, StoreError } from '../../errors.ts'
import { withinDeadline } from '../../support/deadline.ts'
import {
  callback,
  maybe,
  milliseconds,
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { readBody } from '../read-body.ts'
import { maxLookupText, type Question, readQuestion, signAnswer } from './statement.ts'

/** Options of {@link revocationLookup}. */
export interface RevocationLookupOptions {
  /** The revocations to answer from. */
  readonly revocations: RevocationStore
  /** The publisher, who signs each answer. */
  readonly signer: Signer
  /** Decides who may ask. Returns true, or a promise of true, to admit a request. */
  readonly authorize: (request: Request) => boolean | Promise<boolean>
  /** Milliseconds for one answer. Default 5,000. */
  readonly timeoutMs?: number
  /** Receives the errors of the store, the signer and `authorize`. Its own errors are ignored. */
  readonly onError?: (error: unknown) => void
}

/** A service that answers questions about revocations. */
export interface RevocationLookup {
  /** Answers a `POST` of `remoteRevocations`, whatever its path. */
  fetch(request: Request): Promise<Response>
}

const optionChecks = Object.freeze({
  revocations: withMethod('findRevocations'),
  signer: withMethod('sign'),
  authorize: callback,
  timeoutMs: withDefault(milliseconds, 5_000),
  onError: maybe(callback),
}) satisfies OptionChecks<RevocationLookupOptions>

/**
 * Answers questions about revocations over HTTP, for services with `remoteRevocations`. It asks its own store each
 * time.
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @example
 * ```ts
 * import { revocationLookup } from 'procura/revocation/lookup'
 * import { memoryRevocationStore } from 'procura/store/memory'
 *
 * const lookup = revocationLookup({
 *   revocations: memoryRevocationStore(),
 *   signer: service,
 *   authorize: (request) => request.headers.get('authorization') === `Bearer ${readerToken}`,
 * })
 * // For a server with the Fetch API: `export default { fetch: lookup.fetch }`
 * ```
 */
export function revocationLookup(options: RevocationLookupOptions): RevocationLookup {
  const given = readOptions('revocationLookup', options, optionChecks)
  const { revocations, signer, authorize, timeoutMs, onError } = given

  async function answerTo({ ids, nonce }: Question, signal: AbortSignal): Promise<string | undefined> {
    // Read before the store is queried: the answer is at least as current.
    const knowledge = revocations.knowledge?.()
    if (revocations.knowledge !== undefined && knowledge === undefined) {
      throw new StoreError('the store of the look-up does not know yet how current it is')
    }
    const names = new Set(ids.map(revocationId))
    const found = await revocations.findRevocations([...names], { signal })
    // The others cannot apply, and anybody can store any number of them.
    const counts = ({ id, revoker }: RevocationRecord): boolean =>
      revoker === undefined || id.startsWith('did:') || names.has(revoker)
    const records = ids.flatMap((id) =>
      found.filter((one) => one.id === revocationId(id) && counts(one)).map((one) => ({ ...one, id })),
    )
    const ageMs = Math.ceil((knowledge?.ageSeconds ?? 0) * 1_000)
    return signAnswer({ publisher: signer.did, nonce, ageMs, records }, signer, platform)
  }

  async function answer(request: Request): Promise<Response> {
    if (request.method !== 'POST') return plain(405, 'revocations are looked up with POST', { allow: 'POST' })
    // RVK-50
    if ((await authorize(request)) !== true) return plain(403, 'this request may not look up revocations')
    const reason = (): DOMException =>
      new DOMException(`a look-up of revocations was not answered within ${timeoutMs} ms`, 'TimeoutError')
    return withinDeadline(timeoutMs, { signals: [request.signal], reason }, async (signal) => {
      const question = await questionOf(request, signal)
      if (question === undefined) return plain(400, 'the question must be JSON with `ids` and `nonce`')
      const text = await answerTo(question, signal)
      return text === undefined ? plain(422, 'the answer is too long; ask about fewer names at once') : plain(200, text)
    })
  }

  return Object.freeze({
    async fetch(request: Request) {
      try {
        return await answer(request)
      } catch (error) {
        void quietly(() => onError?.(error))
        return plain(503, 'the look-up is not available')
      }
    },
  })
}

async function questionOf(request: Request, signal: AbortSignal): Promise<Question | undefined> {
  try {
    return readQuestion(await readBody(request.body, { most: maxLookupText, of: 'the question', signal }))
  } catch (error) {
    if (error instanceof ArgumentError || error instanceof StoreError) return undefined
    throw error
  }
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, {
    status,
    headers: {
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-type': 'text/plain',
      ...headers,
    },
  })
}
