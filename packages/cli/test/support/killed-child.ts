// Run by killed-program.ts in a process of its own: the program, killed before one of its changes to the file system or a
// start of another program, or with a disk that is full from that change on. It prints their number, and the numbers of
// the starts.
import childProcess from 'node:child_process'
import fs from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { devNull } from 'node:os'

const [at = '0', ...words] = process.argv.slice(2)
const isFull = at.startsWith('full-')
const stopAt = Number(at.replace('full-', ''))
let count = 0
const starts: number[] = []

/** Counts a change, and ends the process before the chosen one. A write is cut in half. */
function change(name: string, half?: () => void): void {
  count += 1
  if (name === 'spawn') starts.push(count)
  if (isFull && count >= stopAt && needsSpace.has(name)) {
    half?.()
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', syscall: name })
  }
  if (isFull || count !== stopAt) return
  half?.()
  process.kill(process.pid, 'SIGKILL')
}

const needsSpace: ReadonlySet<string> = new Set(
  ['writeFile', 'mkdir', 'link', 'symlink', 'copyFile'].flatMap((name) => [name, `${name}Sync`]),
)

function patch(of: object, names: readonly string[]): void {
  const table = of as Record<string, (...given: unknown[]) => unknown>
  for (const name of names) {
    const original = table[name] as (...given: unknown[]) => unknown
    table[name] = function (this: unknown, ...given) {
      change(name)
      return original.apply(this, given)
    }
  }
}

const handle = await promises.open(devNull, 'r')
const prototype = Object.getPrototypeOf(handle) as {
  fd: number
  writeFile: (content: string | Uint8Array) => Promise<void>
}
await handle.close()
const { writeFile } = prototype
prototype.writeFile = async function (content) {
  change('writeFile', () => fs.writeSync(this.fd, Buffer.from(content).subarray(0, content.length / 2)))
  return writeFile.call(this, content)
}
patch(prototype, ['chmod', 'sync', 'truncate'])
const changes = ['rename', 'link', 'unlink', 'mkdir', 'rm', 'rmdir', 'open', 'writeFile', 'copyFile', 'symlink']
patch(promises, changes)
patch(
  fs,
  changes.map((name) => `${name}Sync`),
)
patch(childProcess, ['spawn'])
syncBuiltinESMExports()

const { run } = await import('../../src/cli/run.ts')
const { systemKeyring } = await import('../../src/support/keyring.ts')
const code = await run(words, {
  env: process.env,
  program: ['/usr/bin/node', '/opt/procura/procura.js'],
  print: () => undefined,
  complain: (line) => void process.stderr.write(`${line}\n`),
  isTerminal: false,
  keyring: async () => systemKeyring(process.env, 'linux'),
  readInput: async () => fs.readFileSync(0),
  askHidden: async () => undefined,
})
process.stdout.write([count, ...starts].join(' '))
process.exitCode = code
