import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** A body in chunks of one byte, sent to make its reader use memory for each chunk. */
export interface OneByteChunks {
  readonly iterator: AsyncGenerator<Uint8Array, void>
  readonly stream: ReadableStream<Uint8Array>
  /** How many bytes more are in use when all but the last chunk were taken; infinite when they were not. */
  grown(): number
}

/** So many chunks of the letter C; take them from one of the two. */
export function oneByteChunks(count: number): OneByteChunks {
  let grown = Number.POSITIVE_INFINITY
  async function* chunks(): AsyncGenerator<Uint8Array, void> {
    const before = bytesInUse()
    for (let sent = 1; sent < count; sent++) yield Uint8Array.of(0x43)
    grown = bytesInUse() - before
    yield Uint8Array.of(0x43)
  }
  const iterator = chunks()
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
    },
    { highWaterMark: 0 },
  )
  return { iterator, stream, grown: () => grown }
}

/** Waits until all unreferenced objects and buffers are collected. */
function bytesInUse(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
