import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { readHiddenLine } from '../../src/cli/hidden-line.ts'

/** A terminal that tells whether it is raw, and what was shown on it. */
function terminal() {
  const modes: boolean[] = []
  const output = new PassThrough()
  const setRawMode = (raw: boolean): void => {
    // nothing is asked before the terminal hides the answer
    if (raw) expect(output.readableLength).toBe(0)
    modes.push(raw)
  }
  const input = Object.assign(new PassThrough(), { setRawMode })
  return { input, modes, line: readHiddenLine(input, output, 'secret: '), shown: () => String(output.read()) }
}

describe('a hidden line', () => {
  const typed: readonly (readonly [what: string, keys: readonly string[], line: string | undefined])[] = [
    ['what was typed', ['h', 'e', 'y', '\r'], 'hey'],
    ['what was pasted, with its line end', ['hey\r\n'], 'hey'],
    ['a line feed as the end', ['he', 'y\n'], 'hey'],
    ['what was taken back', ['haü', '\x7f', '\b', 'ey\r'], 'hey'],
    ['more taken back than there was', ['h', '\x7f\x7f\x7f', 'ey\r'], 'ey'],
    ['a character in two parts', ['\u00fc\r'], 'ü'],
    ['nothing', ['\r'], ''],
    ['Ctrl-C', ['hey', '\x03'], undefined],
    ['Ctrl-D', ['\x04'], undefined],
  ]
  for (const [what, keys, line] of typed) {
    it(`is read: ${what}`, async () => {
      const { input, modes, line: read, shown } = terminal()
      for (const key of keys) input.write(key)
      const bytes = await read
      expect(bytes === undefined ? undefined : Buffer.from(bytes).toString()).toBe(line)
      expect(modes).toEqual([true, false])
      expect(shown()).toBe('secret: \n')
    })
  }

  it('is refused when it is several, and broken off by the end or an error of the input', async () => {
    const several = terminal()
    several.input.write('one\ntwo\n')
    await expect(several.line).rejects.toThrow(/several lines were pasted/)
    const ended = terminal()
    ended.input.end('one')
    expect(await ended.line).toBeUndefined()
    const failed = terminal()
    failed.input.destroy(new Error('it is gone'))
    await expect(failed.line).rejects.toThrow('it is gone')
    for (const { modes, shown } of [several, ended, failed]) {
      expect(modes).toEqual([true, false])
      expect(shown()).toBe('secret: \n')
    }
  })
})
