import { basename } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { root } from '../../test/setup/entries.ts'
import type { Suite } from '../harness/suite.ts'
import { number } from '../harness/table.ts'

/** The size of the files that a browser loads, without modules loaded on demand. */
export const suite: Suite = {
  name: 'bundle',
  async run({ peers }) {
    const programs: [name: string, program: string, folder?: string][] = [
      ['procura, all of the root', `export * from 'procura'`],
      [
        'what a service needs, with stores in memory',
        `export { createAuthorizer } from 'procura'; export * from 'procura/store/memory'`,
      ],
      ['what an agent needs', `export { attenuate, delegate, encodeContainer, generateSigner, invoke } from 'procura'`],
    ]
    const others: [needs: string, program: string][] = [
      ['jose', `export * from 'jose'`],
      ['iso-ucan', `export * from 'iso-ucan/invocation'; export * from 'iso-signatures/verifiers/eddsa.js'`],
      ['@ucans/ucans', `export * from '@ucans/ucans'`],
      ['@ucanto/validator', `export * from '@ucanto/validator'; export * as keys from '@ucanto/principal'`],
    ]
    for (const [name, program] of others) {
      if (peers.has(name)) programs.push([name, program, `${root}bench/peers`])
    }
    const sizes: number[] = []
    for (const [, program, folder = root] of programs) sizes.push(await sizeOf(program, folder))
    return {
      tables: [
        {
          title: 'Bundle for a browser, minified and compressed',
          columns: ['what', 'KiB'],
          rows: programs.map(([name], at) => [name, number((sizes[at] ?? Number.NaN) / 1024)]),
        },
      ],
      figures: { 'bundle, KiB': (sizes[0] ?? Number.NaN) / 1024 },
    }
  },
}

/** Bytes of the entry and of all that it imports at once. */
async function sizeOf(program: string, folder: string): Promise<number> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: program, resolveDir: folder },
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    conditions: ['browser'],
    outdir: '/',
    write: false,
    metafile: true,
    logLevel: 'silent',
    tsconfigRaw: '{}',
    external: ['node:*', 'crypto'],
  })
  const entry = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === '<stdin>')
  const loaded = entry === undefined ? [] : [entry[0]]
  for (const output of loaded) {
    for (const { kind, path } of metafile.outputs[output]?.imports ?? []) {
      if (kind === 'import-statement' && !loaded.includes(path)) loaded.push(path)
    }
  }
  const names = new Set(loaded.map((path) => basename(path)))
  const texts = outputFiles.filter(({ path }) => names.has(basename(path))).map(({ text }) => text)
  return gzipSync(texts.join('')).length
}
