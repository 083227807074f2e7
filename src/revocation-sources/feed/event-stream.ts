import { StoreError } from '../../errors.ts'

/**
 * Reads the data of server-sent events (HTML, section 9.2): lines that begin with `data:`, up to an empty line. Other
 * fields are ignored, and so is an event that is cut off.
 *
 * @param most - the largest number of characters from one event to the next, whatever they are.
 * @param closing - cancels the body. A request that was garbage collected may not do so.
 * @throws StoreError when there are more; the error of the stream when it breaks off.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  most: number,
  closing: AbortSignal,
): AsyncGenerator<string, void> {
  const reader = body.getReader()
  const close = (): void => void reader.cancel().catch(() => undefined)
  closing.addEventListener('abort', close)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let data: string[] = []
  let line: string[] = []
  let size = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const pieces = decoder.decode(value, { stream: true }).split('\n')
      for (const [index, piece] of pieces.entries()) {
        // RVK-28
        size += piece.length + 1
        if (size > most) throw new StoreError(`the feed sent more than ${most} characters without an end`)
        if (piece !== '') line.push(piece)
        if (index === pieces.length - 1) break
        const text = line.join('').replace(/\r$/, '')
        line = []
        if (text.startsWith('data:')) data.push(text.slice(5).replace(/^ /, ''))
        if (text !== '' || data.length === 0) continue
        yield data.join('\n')
        data = []
        size = 0
      }
    }
  } finally {
    closing.removeEventListener('abort', close)
    close()
  }
}
