import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build, type Metafile } from 'esbuild'
import { beforeAll, describe, expect, it } from 'vitest'
import { isPublic, readEntries, root } from './setup/entries.ts'
import { listFiles, readSources } from './setup/source.ts'

/** What the root entry may weigh for a browser, minified and compressed; modules loaded on demand do not count. */
const maximumKibibytes = 25

const entries = readEntries()
const nodeOnly = new Set(readSources('src').flatMap((file) => (file.nodeOnly ? [file.path] : [])))
const portable = Object.entries(entries).filter(([name, file]) => isPublic(name) && !nodeOnly.has(file))

describe('the root entry, bundled for a browser', () => {
  let bundle: Bundle
  beforeAll(async () => {
    bundle = await bundleOf('index')
  })

  it(`weighs at most ${maximumKibibytes} KiB`, () => {
    expect(bundle.gzippedBytes / 1024).toBeLessThanOrEqual(maximumKibibytes)
  })

  it('holds none of the adapters, and no package', () => {
    const packages = new Set(
      bundle.inputs.flatMap((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? []),
    )
    expect([...packages].sort()).toEqual([])
  })
})

describe('entry points', () => {
  it('that are portable can be bundled without Node', async () => {
    for (const [name] of portable) await expect.soft(bundleOf(name), name).resolves.toBeDefined()
  })

  it('share their classes, so that what one makes another accepts', () => {
    const classes = new Map<string, string[]>()
    for (const file of listFiles('dist', '.js')) {
      for (const [, variable, name = variable ?? ''] of readFileSync(root + file, 'utf8').matchAll(classDeclaration))
        classes.set(name, [...(classes.get(name) ?? []), file])
    }
    expect([...classes].filter(([, files]) => files.length > 1)).toEqual([])
    expect([...classes.keys()]).toContain('Authorization')
  })

  it('are declared without the types of Node or of others', () => {
    const faults = listFiles('dist', '.d.ts').filter((file) => {
      const text = readFileSync(root + file, 'utf8')
      return /@ucanto|reference types="node"/.test(text)
    })
    expect(faults).toEqual([])
  })
})

/** `class Name` and `var Name = class`. */
const classDeclaration = /^(?:var (\w+) = )?class\b(?: (?!extends\b)(\w+))?/gm

interface Bundle {
  /** Paths of all that went in, modules loaded on demand aside. */
  readonly inputs: readonly string[]
  readonly gzippedBytes: number
}

/** Bundles a built entry point as an application for browsers would. Rejects when something needs Node. */
async function bundleOf(name: string): Promise<Bundle> {
  const { metafile, outputFiles } = await build({
    entryPoints: [`${root}dist/${name}.js`],
    absWorkingDir: root,
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    outdir: '/bundle',
    metafile: true,
    write: false,
    logLevel: 'silent',
    tsconfigRaw: '{}',
  })
  const loaded = atOnce(metafile, `dist/${name}.js`)
  const texts = outputFiles.filter(({ path }) =>
    loaded.some((output) => path.endsWith(output.replace(/^(\.\.\/)+/, '/'))),
  )
  const inputs = loaded.flatMap((output) => Object.keys(metafile.outputs[output]?.inputs ?? {}))
  return { inputs, gzippedBytes: texts.reduce((sum, { contents }) => sum + gzipSync(contents).length, 0) }
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
