import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../setup/entries.ts'
import { writeVectorsPackage } from '../setup/vectors-package.ts'

/** A project of a user, with both packages as npm packs them, and one with the vectors alone. */
const scratch = mkdtempSync(join(tmpdir(), 'procura-packed-'))
const project = join(scratch, 'both')
const installed = join(project, 'node_modules/procura')
const vectors = join(project, 'node_modules/procura-vectors')
const vectorsAlone = join(scratch, 'alone/node_modules/procura-vectors')

beforeAll(() => {
  const staged = join(scratch, 'staged')
  writeVectorsPackage(staged)
  const [library = '', archive = ''] = pack(root, staged)
  install(library, installed)
  for (const place of [vectors, vectorsAlone]) install(archive, place)
  const { dependencies } = manifestOf(installed)
  for (const name of Object.keys(dependencies ?? {})) {
    const place = join(project, 'node_modules', name)
    mkdirSync(dirname(place), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), place)
  }
}, 120_000)

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

interface Manifest {
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

/** Packs folders as npm does. Returns the paths of the archives. */
function pack(...folders: readonly string[]): readonly string[] {
  const packing = ['pack', ...folders, '--ignore-scripts', '--json', '--pack-destination', scratch]
  const packed = JSON.parse(execFileSync('npm', packing, { cwd: scratch, encoding: 'utf8' })) as readonly {
    readonly filename: string
  }[]
  return packed.map(({ filename }) => join(scratch, filename))
}

function install(archive: string, place: string): void {
  mkdirSync(place, { recursive: true })
  execFileSync('tar', ['-xzf', archive, '-C', place, '--strip-components', '1'])
}

/** Runs the runner of a package about an adapter. */
function conformance(
  place: string,
  ...args: readonly string[]
): { readonly status: number | null; readonly last: string } {
  const runner = join(place, 'spec/conformance/run.mjs')
  const { status, stdout } = spawnSync(process.execPath, [runner, ...args], { cwd: scratch, encoding: 'utf8' })
  return { status, last: stdout.trimEnd().split('\n').at(-1) ?? '' }
}

describe('the conformance runner of the packed vectors', () => {
  it('finds this library right in every case, codes included', () => {
    const { status, last } = conformance(
      vectors,
      '--codes',
      process.execPath,
      join(vectors, 'spec/conformance/procura.mjs'),
    )
    expect(last).toMatch(/^([0-9]+) cases: \1 right, 0 wrong, 0 left out, 0 with another code$/)
    expect(Number.parseInt(last, 10)).toBeGreaterThan(1_300)
    expect(status).toBe(0)
  })

  it('finds an adapter that forgets revocations wrong', () => {
    const adapter = readFileSync(join(vectors, 'spec/conformance/procura.mjs'), 'utf8')
    const forgetful = adapter.replace('of context.revoked)', 'of [])')
    expect(forgetful).not.toBe(adapter)
    writeFileSync(join(project, 'forgetful.mjs'), forgetful)
    const { status, last } = conformance(vectors, '--only', 'revoked', process.execPath, join(project, 'forgetful.mjs'))
    expect(status).toBe(1)
    expect(last).not.toContain(' 0 wrong')
  })

  it('runs where nothing else is installed, about an adapter that has nothing of this library', () => {
    const adapter = join(scratch, 'skips.mjs')
    const answer =
      'for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify({ id: JSON.parse(line).id, skipped: true }))'
    writeFileSync(adapter, `import { createInterface } from 'node:readline'\n${answer}\n`)
    const { status, last } = conformance(vectorsAlone, process.execPath, adapter)
    expect(last).toMatch(/^([0-9]+) cases: 0 right, 0 wrong, \1 left out/)
    expect(status).toBe(0)
  })
})

describe('the packed packages', () => {
  it('have one version, and the vectors need no other package', () => {
    expect(manifestOf(vectors)).toMatchObject({ version: manifestOf(installed).version })
    expect(manifestOf(vectors).dependencies).toBeUndefined()
  })

  it('leave vectors and runner out of the main package, and the generator out of both', () => {
    const sizeOf = (place: string): number =>
      filesOf(place).reduce((sum, path) => sum + statSync(join(place, path)).size, 0)
    const heavy = /^spec\/(?:vectors\/.*\.(?:json|ts)|conformance\/.*\.mjs)$/
    expect(filesOf(installed).filter((path) => heavy.test(path))).toEqual([])
    expect(filesOf(vectors).filter((path) => path.endsWith('.ts'))).toEqual([])
    expect(sizeOf(installed)).toBeLessThan(5_000_000)
  })

  it('have the examples and the map for models', () => {
    expect(filesOf(installed)).toEqual(expect.arrayContaining(['examples/demo.ts', 'llms.txt', 'README.md', 'LICENSE']))
  })

  it('name the command that installs an optional package which is absent, and need none to read', () => {
    const program = `
      import { generateSigner } from 'procura'
      import { decode, delegate } from 'procura/ucanto'
      import { generateSealingKey } from 'procura/vault/sealed'
      const signer = await generateSigner()
      const told = (call) => Promise.resolve().then(call).catch(({ code, message }) => code + ': ' + message)
      console.log(await told(() => delegate({ issuer: signer, audience: signer.did, command: '/mail/send' })))
      console.log(await told(() => generateSealingKey()))
      console.log(await told(() => decode(new Uint8Array(3))))
    `
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: project,
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toEqual([
      'ERR_INVALID_ARGUMENT: the package `@ucanto/core` is not installed; run `npm install @ucanto/core`',
      'ERR_INVALID_ARGUMENT: the package `hpke` is not installed; run `npm install hpke`',
      expect.stringMatching(/^ERR_(?!INVALID_ARGUMENT)/),
    ])
  })

  it('link only to packed files, and to the pages of procura-cli', () => {
    const isOfCli = (path: string): boolean => path.startsWith('packages/cli/') && existsSync(join(root, path))
    const broken = [installed, vectors].flatMap((place) => {
      const pages = filesOf(place).filter((path) => /\.(?:md|txt)$/.test(path))
      expect(pages.length).toBeGreaterThan(20)
      return pages.flatMap((page) =>
        [...readFileSync(join(place, page), 'utf8').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
          .map(([, target]) => target as string)
          .filter((target) => !/^[a-z]+:/.test(target))
          .map((target) => join(dirname(page), target))
          .filter((path) => !existsSync(join(place, path)) && !isOfCli(path))
          .map((path) => `${page}: ${path}`),
      )
    })
    expect(broken).toEqual([])
  })
})

function filesOf(place: string): readonly string[] {
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(place.length + 1))
}
