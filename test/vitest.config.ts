import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const root = fileURLToPath(new URL('..', import.meta.url))
const { tsup } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { tsup: { entry: Record<string, string> } }

const aliases = Object.entries(tsup.entry).map(([name, file]) => ({
  find: new RegExp(name === 'index' ? '^procura$' : `^procura/${name}$`),
  replacement: root + file,
}))

const config: ViteUserConfig = defineConfig({
  resolve: { alias: [...aliases, { find: '#backend', replacement: `${root}src/principal/backend/node.ts` }] },
  test: {
    root,
    include: ['test/**/*.test.ts'],
    exclude: ['test/services/**', 'test/long/**'],
    testTimeout: 30_000,
  },
})

export default config
