/**
 * The same body. Its failure is reported before its reader learns of it.
 *
 * @param until - cancels the body when it is aborted. Default: its reader alone cancels it.
 */
export function watchedBody(
  body: ReadableStream<Uint8Array>,
  onFailure: (error: unknown) => void,
  until?: AbortSignal,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  const cancel = (): void => void reader.cancel(until?.reason).catch(() => undefined)
  until?.addEventListener('abort', cancel)
  if (until?.aborted === true) cancel()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          onFailure(error)
          throw error
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
