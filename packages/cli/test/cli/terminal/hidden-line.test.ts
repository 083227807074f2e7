import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { readHiddenLine } from '../../../src/cli/terminal/hidden-line.ts'

/** A terminal that reports whether it is raw, and which text it has shown. */
function terminal(signal?: AbortSignal, isTTY = false) {
  const modes: boolean[] = []
  const output = Object.assign(new PassThrough(), { isTTY })
  const setRawMode = (raw: boolean): void => {
    // nothing is asked before the terminal hides the answer
    if (raw) expect(output.readableLength).toBe(0)
    modes.push(raw)
  }
  const input = Object.assign(new PassThrough(), { setRawMode })
  return { input, modes, line: readHiddenLine(input, output, 'secret: ', signal), shown: () => String(output.read()) }
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
    ['a marked paste', ['\x1b[200~hey\x1b[201~\r'], 'hey'],
    ['a marked paste in pieces, with its line end', ['\x1b[20', '0~he', 'y\r\n\x1b[2', '01~', '\r'], 'hey'],
    ['two marked pastes and keys', ['a\x1b[200~b\x1b[201~x\x7f\x1b[200~c\x1b[201~d\r'], 'abcd'],
    ['a marked paste with a control character', ['\x1b[200~h\x03\x7fy\x1b[201~\r'], 'h\x03\x7fy'],
    ['an empty marked paste', ['\x1b[200~\x1b[201~\r'], ''],
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

  it('is refused when a marked paste has several, and not before the end of the paste', async () => {
    const { input, line, modes } = terminal()
    let settled = false
    void line.catch(() => (settled = true))
    for (const piece of ['\x1b[200~one\r', 'two\r', 'three']) {
      input.write(piece)
      await new Promise(setImmediate)
      expect([settled, modes]).toEqual([false, [true]])
    }
    input.write('\x1b[201~')
    await expect(line).rejects.toThrow(/several lines were pasted/)
    expect(modes).toEqual([true, false])
  })

  it('is broken off by a signal, before and while it is asked for', async () => {
    const broken = new AbortController()
    const { input, line, modes } = terminal(broken.signal)
    input.write('hey')
    await new Promise(setImmediate)
    broken.abort()
    expect(await line).toBeUndefined()
    const late = terminal(broken.signal)
    expect(await late.line).toBeUndefined()
    for (const each of [modes, late.modes]) expect(each).toEqual([true, false])
  })

  it('asks a terminal to mark pastes, and restores it', async () => {
    const { input, line, shown } = terminal(undefined, true)
    input.write('hey\r')
    await line
    expect(shown()).toBe('\x1b[?2004hsecret: \x1b[?2004l\n')
  })
})
