import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { root } from '../setup/entries.ts'
import { readSources } from '../setup/source.ts'

/** The modules of Node that a source file loads at once, with all that it imports. */
function loadedWith(path: string): ReadonlySet<string> {
  const files = new Map(readSources('src').map((file) => [file.path, file]))
  const reached = new Set([path])
  const modules = new Set<string>()
  for (const one of reached) {
    const { imports = [], text = '' } = files.get(one) ?? {}
    for (const { specifier, targets, typeOnly } of imports) {
      if (typeOnly || !text.includes(`from '${specifier}'`)) continue
      if (specifier.startsWith('node:')) modules.add(specifier)
      for (const target of targets) if (!target.endsWith('-web.ts')) reached.add(target)
    }
  }
  return modules
}

describe('the program that agents start', () => {
  // Each of the larger modules of Node takes some of the 40 ms that it may need more than Node alone.
  it('loads no HTTP, no threads, no child processes and no database for an MCP client', () => {
    const needed = ['buffer', 'crypto', 'fs', 'fs/promises', 'net', 'os', 'path', 'process', 'util', 'zlib']
    expect([...loadedWith('src/cli/connect.ts')].sort()).toEqual(needed.map((name) => `node:${name}`))
  })
})

describe('the program in a pipe', () => {
  it('CLI-03 ends with 2, and without a message, if the reader of its output has gone', async () => {
    const words = ['--import', 'tsx', `${root}src/entries/internal/procura.ts`, 'help', 'log']
    const child = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    // Long before it writes.
    child.stdout.destroy()
    let err = ''
    child.stderr.on('data', (part) => {
      err += part
    })
    const [code] = await once(child, 'close')
    expect([code, err]).toEqual([2, expect.not.stringContaining('procura:')])
  }, 60_000)
})
