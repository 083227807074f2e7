import { type Bounds, completeBounds } from '../bounds.ts'
import { parseDid } from '../core/did/did.ts'
import { type DidResolver, keyResolver } from '../core/did/resolver.ts'
import { ArgumentError, MalformedError, ResolutionError } from '../errors.ts'
import { unlessAborted } from '../support/abort.ts'
import {
  abortSignal,
  callback,
  didString,
  either,
  maybe,
  nonEmptyString,
  objectValue,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { readBounded } from '../support/read-bounded.ts'
import { encodeMessage } from './archive.ts'
import { checkToken } from './new-token.ts'
import { readReceipt, type UcantoReceipt } from './receipt.ts'
import type { UcantoToken } from './token.ts'

/** Options of {@link execute}. */
export interface ExecuteOptions {
  /** The absolute URL of the service. */
  readonly url: string | URL
  /** Default: `globalThis.fetch`. */
  readonly fetch?: typeof globalThis.fetch
  /** The DID that must have signed the receipt. Default: the audience of the invocation. */
  readonly service?: string
  /** Resolves that DID to keys. Default: `did:key` only. */
  readonly resolver?: DidResolver
  /** Bounds on the response. */
  readonly bounds?: Partial<Bounds>
  /** Aborts the request. */
  readonly signal?: AbortSignal | undefined
}

/** The media type of CAR files. */
const contentType = 'application/vnd.ipld.car'

/**
 * Sends an invocation to a ucanto service, and verifies and returns its receipt. A receipt with `error` is returned and
 * not thrown. Redirects are not followed.
 *
 * @throws ArgumentError when an option is invalid.
 * @throws MalformedError when the response is not a message with a receipt by the service.
 * @throws ResolutionError when the request fails, or the status of the response is not 200.
 */
export async function execute(invocation: UcantoToken, options: ExecuteOptions): Promise<UcantoReceipt> {
  checkToken('invocation', invocation)
  const given = readOptions('ucanto.execute', options, {
    url: either(nonEmptyString, withMethod('toString')),
    fetch: maybe(callback),
    service: maybe(didString),
    resolver: withDefault(withMethod('resolve'), keyResolver()),
    bounds: maybe(objectValue),
    signal: abortSignal,
  })
  const { url, fetch = globalThis.fetch, resolver, signal } = given
  const target = addressOf(url)
  const service = parseDid(given.service ?? invocation.audience)
  const bounds = completeBounds(given.bounds)
  const ask = (): Promise<Uint8Array> => exchange(target, invocation, bounds.containerBytes, { fetch, signal })
  const body = await unlessAborted(ask, signal).catch((cause: unknown) => {
    if (cause instanceof MalformedError || cause instanceof ResolutionError) throw cause
    throw new ResolutionError('the request to the ucanto service failed', { cause })
  })
  return readReceipt(body, invocation.cid, { bounds, service, resolver, signal })
}

/** Refuses a URL with a password. `fetch` refuses it too, with a message that contains it. */
function addressOf(url: string | URL): URL {
  const target = URL.canParse(String(url)) ? new URL(String(url)) : undefined
  if (target === undefined || target.username !== '' || target.password !== '') {
    throw new ArgumentError('`url` must be an absolute URL without a user name or password')
  }
  return target
}

/** Sends the invocation, and reads the body of the response. */
async function exchange(
  target: URL,
  invocation: UcantoToken,
  most: number,
  { fetch, signal }: Required<Pick<ExecuteOptions, 'fetch'>> & Pick<ExecuteOptions, 'signal'>,
): Promise<Uint8Array> {
  let response: Response
  try {
    response = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': contentType, accept: contentType },
      body: (await encodeMessage([invocation])) as Uint8Array<ArrayBuffer>,
      redirect: 'error',
      ...(signal !== undefined && { signal }),
    })
  } catch (cause) {
    throw new ResolutionError('the request to the ucanto service failed', { cause })
  }
  if (response.status !== 200) {
    // The body is not used, so an error while it is cancelled does not matter.
    response.body?.cancel().catch(() => undefined)
    throw new ResolutionError(`the ucanto service returned status ${response.status}`)
  }
  const bytes = await readBounded(response.body?.getReader(), most).catch((cause: unknown) => {
    throw new ResolutionError('the response of the ucanto service ended early', { cause })
  })
  if (bytes !== undefined) return bytes
  throw new MalformedError('UCT-45', `the response is longer than ${most} bytes`, { kind: 'too_large' })
}
