import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { runCli } from '../run-cli.ts'

/** The user `nobody`, and one without a name. */
const [nobody, nameless] = [65_534, 54_321]
const isRoot = process.getuid?.() === 0

const program = bundledProcura()
let folder: string
let home: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'procura-owner-'))
  chmodSync(folder, 0o755)
  home = join(folder, 'ho me')
  mkdirSync(home, { mode: 0o700 })
  writeFileSync(join(home, 'gateway.json'), '{}', { mode: 0o600 })
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function give(uid: number): void {
  for (const path of [home, join(home, 'gateway.json')]) chownSync(path, uid, uid)
}

describe('a home folder of another user', () => {
  it.runIf(isRoot)('is named with its user and the command, where it can be read [CLI-37]', async () => {
    for (const [uid, said, word] of [
      [nobody, 'the user nobody', 'nobody'],
      [nameless, `the user ${nameless}`, `'#${nameless}'`],
    ] as const) {
      give(uid)
      for (const [words, then] of [
        [['status'], 'status'],
        [['policy', 'mail'], 'policy …'],
        [['serve'], 'serve'],
      ] as const) {
        const { code, err } = await runCli([...words, '--home', home])
        expect([code, err]).toEqual([
          2,
          expect.stringContaining(`it belongs to user ${uid} and this process is user 0`),
        ])
        expect(err).toContain(
          `; \`${home}\` is the home folder of ${said}: \`sudo -u ${word} procura ${then} --home '${home}'\` (ERR`,
        )
      }
    }
  })

  it.runIf(isRoot)('is named where it cannot be read [CLI-37]', () => {
    const bin = join(folder, 'bin')
    cpSync(join(program(), '..'), bin, { recursive: true, verbatimSymlinks: true })
    chmodSync(bin, 0o755)
    const run = (...words: readonly string[]): string => {
      const options = { uid: nobody, gid: nobody, cwd: folder, encoding: 'utf8' } as const
      const line = [join(bin, 'procura.mjs'), ...words, '--home', home]
      const { status, stderr } = spawnSync(process.execPath, line, { ...options, env: { PATH: process.env['PATH'] } })
      return `${status} ${stderr}`
    }
    give(nameless)
    expect(run('status')).toMatch(/^2 .*may not read it.*: `sudo -u '#54321' procura status --home '/)
    // An error of the system, without a code of the library.
    expect(run('backup', join(folder, 'backup'))).toContain("`sudo -u '#54321' procura backup … --home '")
    // Files of root there are a mistake of a person, and a folder that does not exist has no owner.
    give(0)
    expect(run('status')).not.toContain('sudo')
    rmSync(home, { recursive: true })
    expect(run('status')).not.toContain('sudo')
  })

  it.runIf(isRoot)('is a finding of doctor with the owner of each file [CLI-37]', async () => {
    writeFileSync(join(home, 'gateway.json'), '{"subjects":[]}', { mode: 0o600 })
    const path = join(home, 'other')
    writeFileSync(path, '', { mode: 0o600 })
    chownSync(path, nobody, nobody)
    const { out } = await runCli(['doctor', '--home', home])
    expect(out).toContain(
      `FAULT\tmodes\t${path} belongs to the user nobody; run this as that user (\`sudo -u nobody procura doctor --home '${home}'\`), or run chown`,
    )
  })
})
