/** A log that is followed by the program, in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJsonlAuditSink } from 'procura/audit/jsonl'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { intent } from '../../../../../test/audit/events.ts'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { until } from '../../../../../test/support/until.ts'

const program = bundledProcura()
let folder: string
let directory: string
let child: ChildProcess | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'procura-follow-'))
  directory = join(folder, 'log')
})
afterEach(() => {
  child?.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

interface Followed {
  /** The numbers of the records that were shown. */
  numbers(): readonly number[]
  err(): string
  end(signal: NodeJS.Signals): Promise<number | null>
}

function followed(...words: readonly string[]): Followed {
  const given = words.length === 0 ? [directory] : words
  const started = spawn(process.execPath, [program(), 'log', ...given, '-f', '--json'], { cwd: folder })
  child = started
  let [out, err] = ['', '']
  started.stdout.on('data', (chunk) => (out += chunk))
  started.stderr.on('data', (chunk) => (err += chunk))
  const exit = new Promise<number | null>((resolve) => started.once('close', (code) => resolve(code)))
  return {
    numbers: () =>
      out
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line).sequence),
    err: () => err,
    end(signal) {
      started.kill(signal)
      return exit
    },
  }
}

async function write(...numbers: readonly number[]): Promise<void> {
  const sink = await openJsonlAuditSink({ directory, maxBytes: 4_096 })
  for (const number of numbers) await sink.append(intent(number), {})
  await sink.close()
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at + 1)
const files = (): readonly string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()

describe('procura log --follow', () => {
  it('waits for a log that does not exist, follows it over its files, and ends in order [LOG-20]', async () => {
    const { numbers, err, end } = followed()
    await until(() => child?.pid !== undefined)
    await write(1, 2)
    await until(() => numbers().length === 2)
    await write(...upTo(20).slice(2))
    await until(() => numbers().length === 20)
    expect(files().length).toBeGreaterThan(1)
    // The gateway replaces the last file by a copy when it takes the lock of a process that was killed.
    const last = join(directory, files().at(-1) as string)
    copyFileSync(last, join(folder, 'copy'))
    renameSync(join(folder, 'copy'), last)
    await write(21)
    await until(() => numbers().length === 21)
    expect(numbers()).toEqual(upTo(21))
    expect(err()).toBe('')
    expect(await end('SIGINT')).toBe(0)
  })

  it('warns of a log that was cut off, and shows one that was begun again [LOG-20]', async () => {
    await write(1, 2, 3)
    const { numbers, err, end } = followed()
    await until(() => numbers().length === 3)
    const file = join(directory, files()[0] as string)
    const lines = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, `${lines[0]}\n`)
    await until(() => err() !== '')
    expect(err()).toBe(`warning: \`${directory}\` was cut off; run \`procura audit verify ${directory}\`\n`)
    await write(4)
    await until(() => numbers().length === 4)
    rmSync(directory, { recursive: true })
    await write(11)
    await until(() => numbers().length === 5)
    expect(numbers()).toEqual([1, 2, 3, 2, 1])
    expect(err().split('\n')[1]).toBe(`warning: \`${directory}\` was begun again`)
    expect(await end('SIGTERM')).toBe(0)
  })

  it('follows the log of a gateway that has not run yet [LOG-17] [LOG-20]', async () => {
    const config = {
      ...{ version: 1, listen: { socket: 'a.sock' }, service: { key: 'service.key' }, subjects: [] },
      ...{ vault: { file: 'vault' }, audit: { directory: 'log' }, state: { file: 'state.db' }, servers: {} },
    }
    writeFileSync(join(folder, 'gateway.json'), JSON.stringify(config), { mode: 0o600 })
    const { numbers, end } = followed('--home', folder)
    await write(1)
    await until(() => numbers().length === 1)
    expect(await end('SIGINT')).toBe(0)
  })
})
