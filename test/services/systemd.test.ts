import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { userUnit } from '../../packages/cli/src/cli/service/service-text.ts'
import { root } from '../setup/entries.ts'
import { service } from './systemd.service.ts'

const folder = mkdtempSync(join(tmpdir(), 'procura-units-'))
const page = readFileSync(`${root}packages/cli/spec/gateway.md`, 'utf8')
/** The units of the page, with a program that this machine has. */
const units = [...page.matchAll(/```ini\n(\[Unit\]\n.*?)```/gs)].map(([, text = '']) =>
  text.replaceAll('/usr/bin/procura', '/bin/true'),
)

beforeAll(() => mkdirSync(join(folder, 'run')))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function analyze(words: readonly string[], text: string): { readonly code: number | null; readonly all: string } {
  const file = join(folder, 'procura.service')
  writeFileSync(file, text)
  // A session of a user has this folder, and a container has none.
  const env = { ...process.env, XDG_RUNTIME_DIR: join(folder, 'run') }
  const { status, stdout, stderr } = spawnSync(service.find() ?? '', [...words, file], { encoding: 'utf8', env })
  return { code: status, all: `${stdout}${stderr}` }
}

describe('the units of systemd', () => {
  it('have no setting that systemd does not know [GTW-80]', () => {
    const [user = '', system = ''] = units
    expect(units).toHaveLength(2)
    const odd = { program: ['/bin/true', '/a "b"/procura.js'], home: '/a b/100% $HOME', path: '/a b:/$c' }
    for (const [words, text] of [
      [['--user', 'verify'], user],
      [['--user', 'verify'], userUnit(odd)],
      [['verify'], system],
    ] as const) {
      expect(analyze(words, text)).toEqual({ code: 0, all: '' })
      expect(analyze(words, text.replace('LimitCORE', 'LimitCores')).all).toMatch(/Unknown key (name )?'LimitCores'/)
    }
  })

  it('of a user of its own leave the service little besides its files [GTW-80]', () => {
    const [, system = ''] = units
    // Of 10. A unit without restrictions has 9.6.
    const limit = ['security', '--offline=true', '--threshold=17']
    expect(analyze(limit, system)).toMatchObject({ code: 0 })
    expect(analyze(limit, system.replace('ProtectSystem=strict\n', '')).code).toBe(1)
  })
})
