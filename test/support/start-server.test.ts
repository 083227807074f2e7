// node only: starts processes
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { startAtAddress, startServer } from '../../src/support/start-server.ts'
import { bundleProgram } from './bundle-program.ts'
import { freePort } from './free-port.ts'

describe('a server that cannot listen', () => {
  it.each([
    ['EADDRINUSE', 'the address is already in use (EADDRINUSE); stop the process that uses it, or change `listen`'],
    ['EADDRNOTAVAIL', 'this machine does not have the address (EADDRNOTAVAIL); change `listen`'],
    ['EAFNOSUPPORT', 'this machine does not have the address (EAFNOSUPPORT); change `listen`'],
    ['EACCES', 'permission denied (EACCES); change `listen`'],
    ['EPERM', 'permission denied (EPERM); change `listen`'],
    ['EMFILE', 'EMFILE; change `listen`'],
  ])('names the place, the fault %s and the option', async (code, reason) => {
    const server = createServer()
    const cause = Object.assign(new Error('no'), { code })
    const start = (): unknown => server.emit('error', cause)
    await expect(startServer(server, start, '127.0.0.1:80', '`listen`')).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: `cannot listen on \`127.0.0.1:80\`: ${reason}`,
      cause,
    })
  })

  it('says so of an address that another machine has, as the platform reports it', async () => {
    // An address for documentation (RFC 5737), which no interface has.
    await expect(startAtAddress(createServer(), { host: '192.0.2.1', port: 0 }, '`listen`')).rejects.toThrow(
      'cannot listen on `192.0.2.1:0`: this machine does not have the address (EADDRNOTAVAIL); change `listen`',
    )
  })
})

describe('a server that listens at an address', () => {
  it('has it alone, also among the workers of a cluster', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'procura-port-'))
    try {
      const program = join(folder, 'program.mjs')
      await bundleProgram(fileURLToPath(new URL('shared-port-process.ts', import.meta.url)), program)
      const port = await freePort()
      const { stdout } = await promisify(execFile)(process.execPath, [program, `${port}`])
      expect(JSON.parse(stdout)).toEqual([
        'listens',
        `cannot listen on \`127.0.0.1:${port}\`: the address is already in use (EADDRINUSE); stop the process that uses it, or change \`listen\``,
      ])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
