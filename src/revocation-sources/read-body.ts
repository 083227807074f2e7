import { StoreError } from '../errors.ts'
import { readText } from '../support/read-bounded.ts'

/**
 * Reads a body as text of limited length.
 *
 * @param most - the largest number of characters.
 * @param of - the body as the message names it.
 * @throws StoreError when it is longer; otherwise as {@link readText} does.
 */
export function readBody(
  body: ReadableStream<Uint8Array> | null,
  { most, of, signal }: { readonly most: number; readonly of: string; readonly signal: AbortSignal },
): Promise<string> {
  const tooLong = (): Error => new StoreError(`${of} has more than ${most} characters`)
  return readText(body, { most, tooLong, signal })
}
