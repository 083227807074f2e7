import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Metafile } from 'esbuild'
import { beforeAll, describe, expect, it } from 'vitest'
import { isPublic, readEntries, readPlatformImports, root } from './setup/entries.ts'
import { listFiles, readSources } from './setup/source.ts'

/**
 * The maximum size of the root entry in KiB for a browser, minified and compressed, by imported names. Modules loaded
 * on demand do not count.
 */
const budgets = [
  {
    what: 'what an agent needs',
    names: '{ attenuate, delegate, encodeContainer, generateSigner, invoke }',
    maximum: 32,
  },
  {
    what: 'what a service needs',
    names: '{ createAuthorizer, defineCommand }',
    maximum: 38,
  },
  { what: 'all of it', names: '*', maximum: 50 },
]

const entries = readEntries()
const nodeOnly = new Set(readSources('src').flatMap((file) => (file.nodeOnly ? [file.path] : [])))
const portable = Object.entries(entries).filter(([name, file]) => isPublic(name) && !nodeOnly.has(file))

describe('the root entry, bundled for a browser', () => {
  for (const { what, names, maximum } of budgets) {
    it(`weighs at most ${maximum} KiB: ${what}`, async () => {
      const { gzippedBytes } = await bundleOf('index', names)
      expect(gzippedBytes / 1024).toBeLessThanOrEqual(maximum)
    })
  }

  it('is loaded as one file: no module that is loaded on demand shares code with it', async () => {
    const { files } = await bundleOf('index', '*')
    expect(files).toBe(1)
  })

  it('contains no adapter, and no package except multiformats', async () => {
    const { inputs } = await bundleOf('index', '*')
    const packages = new Set(inputs.flatMap((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? []))
    expect([...packages].sort()).toEqual(['multiformats'])
  })
})

describe('entry points', () => {
  let together: ReadonlyMap<string, readonly string[]>

  // Rejects with the import, and its file, that needs Node.
  beforeAll(async () => {
    together = await inputsOf(portable.map(([name]) => name))
  })

  it('that are portable can be bundled without Node', () => {
    expect(portable.filter(([name]) => (together.get(name)?.length ?? 0) === 0)).toEqual([])
  })

  it('load an optional package at its first use', () => {
    const loading = [...together].filter(([, inputs]) =>
      inputs.some((input) => /node_modules\/(?:@ucanto|hpke)\//.test(input)),
    )
    expect(loading.map(([name]) => name)).toEqual([])
  })

  it.each(['node', 'web'] as const)('have no import cycle between files, on %s', (platform) => {
    const targets = new Map(readPlatformImports().map((target) => [target.specifier, `dist/${target[platform]}.js`]))
    const imports = new Map(listFiles('dist', '.js').map((file) => [file, importsOf(file, targets)]))
    const waiting: string[] = []
    const done = new Set<string>()
    const circles: string[] = []
    const load = (file: string): void => {
      if (waiting.includes(file)) circles.push([...waiting.slice(waiting.indexOf(file)), file].join(' > '))
      if (waiting.includes(file) || done.has(file)) return
      waiting.push(file)
      for (const imported of imports.get(file) ?? []) load(imported)
      waiting.pop()
      done.add(file)
    }
    for (const file of imports.keys()) load(file)
    expect([...imports.values()].flat()).toContain('dist/internal/platform-web.js'.replace('web', platform))
    expect(circles).toEqual([])
  })

  it('share their classes, so that one entry accepts the objects of another', () => {
    const classes = new Map<string, string[]>()
    for (const file of listFiles('dist', '.js')) {
      for (const [, variable, inner = '', name = variable ?? inner] of readFileSync(root + file, 'utf8').matchAll(
        classDeclaration,
      ))
        classes.set(name, [...(classes.get(name) ?? []), file])
    }
    expect([...classes].filter(([, files]) => files.length > 1)).toEqual([])
    expect([...classes.keys()]).toContain('Authorization')
  })
})

/** The files that a file of `dist` imports at once. */
function importsOf(file: string, targets: ReadonlyMap<string, string>): readonly string[] {
  const statements = readFileSync(root + file, 'utf8').matchAll(/^(?:import|export)\b[^'"]*['"]([.#][^'"]*)['"]/gm)
  return [...statements].map(([, specifier = '']) => targets.get(specifier) ?? join(dirname(file), specifier))
}

/** `class Name` and `var Name = class`, which can be wrapped in a call that bundlers may leave out. */
const classDeclaration = /^(?:var (\w+) = )?(?:\/\* @__PURE__ \*\/ \(\(\) => \()?class\b(?: (?!extends\b)(\w+))?/gm

interface Bundle {
  /** Paths of all that went in, modules loaded on demand aside. */
  readonly inputs: readonly string[]
  /** How many files are loaded at once. */
  readonly files: number
  readonly gzippedBytes: number
}

const settings = {
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  outdir: '/bundle',
  metafile: true,
  write: false,
  logLevel: 'silent',
  tsconfigRaw: '{}',
} as const

/** Bundles names of a built entry point, as an application for browsers would. Rejects when something needs Node. */
async function bundleOf(name: string, names: string): Promise<Bundle> {
  const contents = `export ${names} from './dist/${name}.js'`
  const { metafile, outputFiles } = await build({ ...settings, stdin: { contents, resolveDir: root }, minify: true })
  const loaded = atOnce(metafile, '<stdin>')
  const files = outputFiles.filter(({ path }) => loaded.some((output) => basename(output) === basename(path)))
  const text = files.map((file) => file.text).join('')
  return { inputs: inputsIn(metafile, loaded), files: files.length, gzippedBytes: gzipSync(text).length }
}

/** Bundles entry points side by side, and returns what each of them loads at once. */
async function inputsOf(names: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const entryPoints = names.map((name) => `dist/${name}.js`)
  const { metafile } = await build({ ...settings, entryPoints })
  return new Map(names.map((name) => [name, inputsIn(metafile, atOnce(metafile, `dist/${name}.js`))]))
}

function inputsIn({ outputs }: Metafile, loaded: readonly string[]): readonly string[] {
  return loaded.flatMap((output) => Object.keys(outputs[output]?.inputs ?? {}))
}

/** The output of the entry point and all that it imports statically. */
function atOnce({ outputs }: Metafile, entryPoint: string): string[] {
  const reached = Object.keys(outputs).filter((output) => outputs[output]?.entryPoint === entryPoint)
  for (const output of reached) {
    for (const { path, kind } of outputs[output]?.imports ?? []) {
      if (kind === 'import-statement' && !reached.includes(path)) reached.push(path)
    }
  }
  return reached
}
