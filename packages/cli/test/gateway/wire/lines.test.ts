import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { longestLine, readLines } from '../../../src/gateway/wire/lines.ts'

async function linesOf(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<readonly unknown[]> {
  const lines: unknown[] = []
  for await (const line of readLines(Readable.from(chunks))) lines.push(line)
  return lines
}

describe('the lines of a stream', () => {
  it('are the same in whatever chunks they arrive [CON-05]', async () => {
    const bytes = Buffer.from('one\n\ntwo é 漢\n\u2028three\nlast')
    const lines = ['one', 'two é 漢', '\u2028three', 'last']
    for (let size = 1; size <= bytes.length; size++) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, at * size + size),
      )
      expect(await linesOf(chunks), String(size)).toEqual(lines)
    }
    expect(await linesOf([Buffer.from([0xff, 10]), Buffer.from('next')])).toMatchObject([{ fault: 'not_utf8' }, 'next'])
  })

  it('keep no chunk: a program that writes single bytes takes the memory of a line [CON-05] [attack 98]', async () => {
    const chunk = Buffer.alloc(1)
    async function* letters(): AsyncGenerator<Uint8Array> {
      for (const letter of 'abc\nde\n') {
        // The memory of the chunk before has other contents by now.
        chunk.write(letter)
        yield chunk
        await Promise.resolve()
      }
    }
    const lines: unknown[] = []
    for await (const line of readLines(letters() as never)) lines.push(line)
    expect(lines).toEqual(['abc', 'de'])
  })

  it('have a longest length, whatever chunks they arrive in [CON-05]', async () => {
    const longest = 'x'.repeat(longestLine - 1)
    for (const size of [65_536, longestLine + 1]) {
      const bytes = Buffer.from(`a\n${longest}\n${longest}x\nb\n`)
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, at * size + size),
      )
      const [first, second, third, fourth] = await linesOf(chunks)
      expect([first, second === longest, third, fourth]).toMatchObject([
        ...['a', true],
        { fault: 'too_long', ends: ['x'.repeat(8_192), 'x'.repeat(8_192)] },
        'b',
      ])
    }
  })

  it('let other work have its turn, also where a chunk has thousands of them [CON-05] [attack 98]', async () => {
    const chunks = Array.from({ length: 20 }, () => Buffer.from('\n'.repeat(65_536)))
    const lines = Array.from({ length: 20 }, () => Buffer.from('x\n'.repeat(32_768)))
    for (const stream of [chunks, lines]) {
      let turns = 0
      const timer = setInterval(() => (turns += 1), 1)
      await linesOf(stream)
      clearInterval(timer)
      expect(turns).toBeGreaterThan(2)
    }
  })

  it('have their beginning and their end when they are too long [CON-05]', async () => {
    const body = `{"id":7,"x":"${'y'.repeat(longestLine)}","end":1}`
    for (const size of [100, 65_536, longestLine + 1_000]) {
      const bytes = Buffer.from(`${body}\n`)
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, at * size + size),
      )
      const [line] = await linesOf(chunks)
      expect(line).toEqual({ fault: 'too_long', ends: [body.slice(0, 8_192), body.slice(-8_192)] })
    }
  })
})
