// node only: hashes lines
import { createHash } from 'node:crypto'

/** Lines of one digest: few enough to keep in memory, and many enough that the digests of a long log are short. */
const blockLength = 256

/** Remembers the lines of a first reading by digests, for a second reading of the same ones. */
export interface LineDigests {
  /** Yields the lines of the first reading unchanged. */
  note(lines: AsyncIterable<string>): AsyncGenerator<string, void>
  /**
   * Passes the lines of a second reading on, each block after a comparison with the first reading. Lines that were
   * added since are left out.
   *
   * @returns false at the first block that is missing or contains other lines, of which no line is passed on.
   */
  same(lines: AsyncIterable<string>, onLine: (line: string) => void): Promise<boolean>
}

/** Makes the memory of one reading: 32 bytes for 256 lines. */
export function lineDigests(): LineDigests {
  const digests: { readonly length: number; readonly hash: string }[] = []
  const digestOf = (block: readonly string[]) => ({
    length: block.length,
    hash: createHash('sha256').update(JSON.stringify(block)).digest('base64'),
  })
  return {
    async *note(lines) {
      let block: string[] = []
      for await (const line of lines) {
        block.push(line)
        if (block.length === blockLength) {
          digests.push(digestOf(block))
          block = []
        }
        yield line
      }
      if (block.length > 0) digests.push(digestOf(block))
    },
    async same(lines, onLine) {
      const reading = lines[Symbol.asyncIterator]()
      try {
        for (const { length, hash } of digests) {
          const block: string[] = []
          while (block.length < length) {
            const { done, value } = await reading.next()
            if (done === true) break
            block.push(value)
          }
          if (digestOf(block).hash !== hash) return false
          for (const line of block) onLine(line)
        }
        return true
      } finally {
        await reading.return?.()
      }
    },
  }
}
