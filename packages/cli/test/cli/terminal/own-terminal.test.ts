import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readHiddenLine } from '../../../src/cli/terminal/hidden-line.ts'
import { checkOwnTerminal } from '../../../src/cli/terminal/own-terminal.ts'

/** The device has an owner, as a terminal has. */
let folder: string
let fd: number

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'procura-terminal-'))
  fd = openSync(join(folder, 'device'), 'wx')
})
afterAll(() => {
  closeSync(fd)
  rmSync(folder, { recursive: true })
})

describe('a terminal', () => {
  const own = process.geteuid?.() ?? 0

  it('of another user is refused, with the way out [CLI-27]', () => {
    expect(() => checkOwnTerminal({ fd, isTTY: true }, own + 1)).toThrow(
      /^the terminal belongs to the user \d+, .*; log in as that user on a terminal of its own/,
    )
  })

  it('behind a terminal that `sudo` has made for its user is refused as well [CLI-27]', () => {
    expect(() => checkOwnTerminal({ fd, isTTY: true }, own, String(own + 1))).toThrow(/belongs to the user/)
    expect(() => checkOwnTerminal({ fd, isTTY: true }, own, String(own))).not.toThrow()
  })

  it('of the same user, and an input that is no terminal, is taken [CLI-27]', () => {
    for (const input of [{ fd, isTTY: true }, { fd: 'x', isTTY: true }, {}, undefined])
      expect(() => checkOwnTerminal(input, own)).not.toThrow()
    expect(() => checkOwnTerminal({ fd, isTTY: false }, own + 1)).not.toThrow()
  })

  it('is looked at before a passphrase is asked for [CLI-27]', async () => {
    const written: string[] = []
    const output = Object.assign(new PassThrough(), { write: (text: string) => written.push(text) > 0 })
    const input = Object.assign(new PassThrough(), { fd: -1, isTTY: true, setRawMode: () => undefined })
    // A descriptor that cannot be looked at is refused as well.
    await expect(readHiddenLine(input, output as never, 'passphrase: ')).rejects.toThrow()
    expect(written).toEqual([])
  })
})
