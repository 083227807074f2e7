import { parseDid } from '../did/did.ts'
import { type DidResolver, keyResolver } from '../did/resolver.ts'
import { ArgumentError, MalformedError, ResolutionError } from '../errors.ts'
import { createWriter, writeRaw, writtenBytes } from '../ipld/writer.ts'
import { completeLimits, type Limits } from '../limits.ts'
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
  withMethod,
} from '../support/options.ts'
import { encodeMessage } from './archive.ts'
import { checkToken } from './new-token.ts'
import { readReceipt, type UcantoReceipt } from './receipt.ts'
import type { UcantoToken } from './token.ts'

/** Options of {@link execute}. */
export interface ExecuteOptions {
  /** Where the service takes requests: absolute. */
  readonly url: string | URL
  /** Default: the host's. */
  readonly fetch?: typeof globalThis.fetch
  /** The DID that has to have signed the receipt. Default: the audience of the invocation. */
  readonly service?: string
  /** How that DID becomes keys. Default: `did:key` alone. */
  readonly resolver?: DidResolver
  /** Bounds on the response. */
  readonly limits?: Partial<Limits>
  /** Ends the request. */
  readonly signal?: AbortSignal | undefined
}

/** The media type of CAR files. */
const contentType = 'application/vnd.ipld.car'

/**
 * Sends an invocation to a ucanto service and reads its receipt, whose signature is verified. That the service says
 * `error` is an outcome and not thrown. Redirects are not followed.
 *
 * @throws ArgumentError when an option is not of its form.
 * @throws MalformedError when the answer is not a message with the service's receipt.
 * @throws ResolutionError when there is no answer, or not with status 200.
 */
export async function execute(invocation: UcantoToken, options: ExecuteOptions): Promise<UcantoReceipt> {
  checkToken('invocation', invocation)
  const given = readOptions('ucanto.execute', options, {
    url: either(nonEmptyString, withMethod('toString')),
    fetch: maybe(callback),
    service: maybe(didString),
    resolver: maybe(withMethod('resolve')),
    limits: maybe(objectValue),
    signal: maybe(abortSignal),
  })
  const { url, fetch = globalThis.fetch, resolver = keyResolver(), signal } = given
  const target = addressOf(url)
  const service = parseDid(given.service ?? invocation.audience)
  const limits = completeLimits(given.limits)
  const ask = (): Promise<Uint8Array> => exchange(target, invocation, limits.containerBytes, { fetch, signal })
  const body = await unlessAborted(ask, signal).catch((cause: unknown) => {
    if (cause instanceof MalformedError || cause instanceof ResolutionError) throw cause
    throw new ResolutionError('the ucanto service did not answer', { cause })
  })
  return readReceipt(body, invocation.cid, { limits, service, resolver, signal })
}

/** Refuses what `fetch` would refuse by showing it: the user information of a URL is a password. */
function addressOf(url: string | URL): URL {
  const target = URL.canParse(String(url)) ? new URL(String(url)) : undefined
  if (target === undefined || target.username !== '' || target.password !== '') {
    throw new ArgumentError('`url` must be an absolute URL without user name and password')
  }
  return target
}

/** Sends the invocation, and reads what comes back. */
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
    throw new ResolutionError('the ucanto service did not answer', { cause })
  }
  if (response.status !== 200) {
    // How the rest of it ends is nobody's concern.
    response.body?.cancel().catch(() => undefined)
    throw new ResolutionError(`the ucanto service answered with status ${response.status}`)
  }
  try {
    return await readBody(response, most)
  } catch (cause) {
    if (cause instanceof MalformedError) throw cause
    throw new ResolutionError('the ucanto service broke off its answer', { cause })
  }
}

/** Reads a response that is not longer than it may be into one buffer: kept chunks would take more than their bytes. */
async function readBody({ body }: Response, most: number): Promise<Uint8Array> {
  const answer = createWriter()
  const reader = body?.getReader()
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    if (answer.length + read.value.length > most) {
      reader?.cancel().catch(() => undefined)
      throw new MalformedError('UCT-45', `the response is longer than ${most} bytes`, { kind: 'too_large' })
    }
    writeRaw(answer, read.value)
  }
  return writtenBytes(answer)
}
