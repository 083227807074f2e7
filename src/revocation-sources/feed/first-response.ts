import { unlessAborted } from '../../support/abort.ts'

/**
 * Another attempt is made beside those under way after so many milliseconds. When the first packet of a connection is
 * lost, an attempt waits for seconds, also after the network works again.
 */
const attemptMs = 800
/** Most attempts under way. The first one is left to a slow server; of the others, the oldest makes room. */
const mostAttempts = 3

/**
 * Sends a request, again and again beside the attempts under way, until the first response. The other attempts are
 * ended. At most three are under way.
 *
 * @param send - its signal is aborted when the attempt is no longer needed.
 * @param limit - ends the wait for a response.
 * @param closing - ends the attempt that responded.
 * @throws the error of the last attempt when all have failed; the reason of `limit`.
 */
export async function firstResponse(
  send: (signal: AbortSignal) => Promise<Response>,
  limit: AbortSignal,
  closing: AbortSignal,
): Promise<Response> {
  const attempts = new Set<AbortController>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let isOver = false

  async function attempt(): Promise<Response> {
    const own = new AbortController()
    attempts.add(own)
    try {
      const response = await send(own.signal)
      if (isOver) {
        response.body?.cancel().catch(() => undefined)
        throw new Error('another attempt was faster')
      }
      isOver = true
      attempts.delete(own)
      closing.addEventListener('abort', () => own.abort(), { once: true })
      if (closing.aborted) own.abort()
      return response
    } catch (cause) {
      attempts.delete(own)
      throw cause
    }
  }

  const first = new Promise<Response>((resolve, reject) => {
    function start(): void {
      timer = setTimeout(start, attemptMs)
      const [, oldest] = attempts
      if (attempts.size >= mostAttempts) oldest?.abort()
      attempt().then(resolve, (cause) => {
        if (attempts.size === 0) reject(cause)
      })
    }
    start()
  })
  try {
    return await unlessAborted(first, limit)
  } finally {
    isOver = true
    clearTimeout(timer)
    for (const own of attempts) own.abort()
  }
}
