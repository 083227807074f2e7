import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStderrFile } from '../../../../src/gateway/serve/upstream/stderr-file.ts'

let folder: string
const at = (name: string): string => join(folder, name)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'err-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function copied(path: string): PassThrough {
  const stream = new PassThrough()
  openStderrFile(path).copy(stream)
  return stream
}

const ended = (stream: PassThrough): Promise<void> => new Promise((resolve) => stream.end().on('close', resolve))

describe('a file of standard error', () => {
  it('has at most 10 MiB, whatever several sessions write at the same time [GTW-14]', async () => {
    const most = 10 * 1024 * 1024
    const streams = [copied(at('err')), copied(at('err')), copied(at('err'))]
    // Escaped, each character has six bytes.
    for (let round = 0; round < 20; round++) for (const stream of streams) stream.write('\u001b'.repeat(60_000))
    await Promise.all(streams.map(ended))
    expect(statSync(at('err')).size).toBe(most)
    await ended(copied(at('err')).on('error', () => undefined))
    const late = copied(at('err'))
    late.write('more')
    await ended(late)
    expect(statSync(at('err')).size).toBe(most)
    expect(readFileSync(at('err')).includes(0x1b)).toBe(false)
  })

  it('is for its user alone, also if it was there before [GTW-14]', async () => {
    writeFileSync(at('err'), 'before\n', { mode: 0o644 })
    const stream = copied(at('err'))
    stream.write('after\r\n')
    await ended(stream)
    expect([statSync(at('err')).mode & 0o777, readFileSync(at('err'), 'utf8')]).toEqual([
      0o600,
      'before\nafter\\u000d\n',
    ])
  })

  it('is a regular file: a link, a pipe and a folder are refused at once [GTW-14]', () => {
    writeFileSync(at('other'), '')
    symlinkSync(at('other'), at('link'))
    execFileSync('mkfifo', [at('pipe')])
    mkdirSync(at('folder'))
    for (const name of ['link', 'pipe', 'folder', 'missing/err'])
      expect(() => openStderrFile(at(name)), name).toThrow(/ELOOP|ENXIO|EISDIR|ENOENT/)
  })
})
