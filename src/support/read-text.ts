import { unlessAborted } from './abort.ts'

/**
 * Reads a body as UTF-8 text of limited length. The rest of a longer one is cancelled. Bytes that are not UTF-8 become
 * U+FFFD.
 *
 * @param most - the largest number of characters.
 * @param tooLong - makes the error for a longer body.
 * @throws the error of `tooLong`; the error of the stream when it breaks off; the reason of the signal.
 */
export async function readText(
  body: ReadableStream<Uint8Array> | null,
  { most, tooLong, signal }: { readonly most: number; readonly tooLong: () => Error; readonly signal: AbortSignal },
): Promise<string> {
  const reader = body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (;;) {
      const part = await unlessAborted(async () => reader?.read(), signal)
      if (part === undefined || part.done) return text + decoder.decode()
      text += decoder.decode(part.value, { stream: true })
      if (text.length > most) throw tooLong()
    }
  } finally {
    reader?.cancel().catch(() => undefined)
  }
}
