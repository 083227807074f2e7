// node only: starts a server

/**
 * Runs a bundled worker in workerd, by way of miniflare, and prints what it answers: `node FILE BIN WORKER`, with the
 * `.bin` folder of where miniflare is installed.
 */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [bin = '', worker = ''] = process.argv.slice(2)
const require = createRequire(join(bin, '..', 'here.js'))
const { Miniflare } = await import(pathToFileURL(require.resolve('miniflare')).href)
const server = new Miniflare({ script: readFileSync(worker, 'utf8'), compatibilityDate: '2026-01-01' })
console.log(await (await server.dispatchFetch('http://localhost/')).text())
await server.dispose()
