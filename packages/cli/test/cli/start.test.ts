import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJsonlAuditSink } from 'procura/audit/jsonl'
import { describe, expect, it } from 'vitest'
import { root } from '../../../../test/setup/entries.ts'
import { readAllSources } from '../../../../test/setup/source.ts'

/** The modules of Node that a source file loads at once, with all that it imports. */
function loadedWith(path: string): ReadonlySet<string> {
  const files = new Map(readAllSources().map((file) => [file.path, file]))
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
    const needed = ['buffer', 'crypto', 'events', 'fs', 'fs/promises', 'net', 'os', 'path', 'process', 'util', 'zlib']
    expect([...loadedWith('packages/cli/src/cli/gateway/connect.ts')].sort()).toEqual(
      needed.map((name) => `node:${name}`),
    )
  })
})

describe('the program in a pipe', () => {
  it('CLI-03 ends with 2, and without a message, if the reader of its output has gone', async () => {
    const words = ['--import', 'tsx', `${root}packages/cli/src/procura.ts`, 'help', 'log']
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

describe('the program that holds a key', () => {
  it('CLI-29 opens no debugger at SIGUSR1', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'procura-debugger-'))
    const sink = await openJsonlAuditSink({ directory: join(directory, 'log') })
    const append = (time: number): Promise<unknown> =>
      Promise.resolve(sink.append({ ...{ kind: 'revoked', id: `${time}`.repeat(32), time }, ...revoked } as never, {}))
    await append(1)
    const words = ['--import', 'tsx', `${root}packages/cli/src/procura.ts`, 'log', join(directory, 'log'), '--follow']
    const child = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let err = ''
    child.stderr.on('data', (chunk) => (err += String(chunk)))
    await once(child.stdout, 'data')
    child.kill('SIGUSR1')
    await Promise.all([once(child.stdout, 'data'), append(2)])
    child.kill('SIGKILL')
    await once(child, 'close')
    await sink.close()
    await rm(directory, { recursive: true })
    expect(err).toBe('')
  })
})

const revoked = {
  issuer: 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp',
  revoked: 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy',
}
