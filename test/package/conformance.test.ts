import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../setup/entries.ts'

/** A project of a user, with the package as npm packs it. */
const project = mkdtempSync(join(tmpdir(), 'procura-packed-'))
const installed = join(project, 'node_modules/procura')

beforeAll(() => {
  const packing = ['pack', '--ignore-scripts', '--json', '--pack-destination', project]
  const [{ filename }] = JSON.parse(execFileSync('npm', packing, { cwd: root, encoding: 'utf8' })) as [
    { readonly filename: string },
  ]
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', join(project, filename), '-C', installed, '--strip-components', '1'])
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>
  }
  for (const name of Object.keys(dependencies)) {
    const place = join(project, 'node_modules', name)
    mkdirSync(dirname(place), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), place)
  }
})

afterAll(() => rmSync(project, { recursive: true, force: true }))

/** Runs the runner of the package about an adapter. */
function conformance(...args: readonly string[]): { readonly status: number | null; readonly last: string } {
  const runner = join(installed, 'spec/conformance/run.mjs')
  const { status, stdout } = spawnSync(process.execPath, [runner, ...args], { cwd: project, encoding: 'utf8' })
  return { status, last: stdout.trimEnd().split('\n').at(-1) ?? '' }
}

describe('the conformance runner of the packed package', () => {
  it('finds this library right in every case, codes included', () => {
    const { status, last } = conformance('--codes', process.execPath, join(installed, 'spec/conformance/procura.mjs'))
    expect(last).toMatch(/^([0-9]+) cases: \1 right, 0 wrong, 0 left out, 0 with another code$/)
    expect(Number.parseInt(last, 10)).toBeGreaterThan(1_300)
    expect(status).toBe(0)
  })

  it('finds an adapter that forgets revocations wrong', () => {
    const adapter = readFileSync(join(installed, 'spec/conformance/procura.mjs'), 'utf8')
    const forgetful = adapter.replace('of context.revoked)', 'of [])')
    expect(forgetful).not.toBe(adapter)
    writeFileSync(join(project, 'forgetful.mjs'), forgetful)
    const { status, last } = conformance('--only', 'revoked', process.execPath, join(project, 'forgetful.mjs'))
    expect(status).toBe(1)
    expect(last).not.toContain(' 0 wrong')
  })
})

describe('the pages of the packed package', () => {
  it('link only to what is packed', () => {
    const pages = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((path) =>
      /^spec\/.*\.md$/.test(path),
    )
    expect(pages.length).toBeGreaterThan(20)
    const broken = pages.flatMap((page) =>
      [...readFileSync(join(installed, page), 'utf8').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map(([, target]) => target as string)
        .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(installed, dirname(page), target)))
        .map((target) => `${page}: ${target}`),
    )
    expect(broken).toEqual([])
  })
})
