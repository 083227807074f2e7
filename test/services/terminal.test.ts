import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openFileVault } from '../../src/vault/stores/file/file-vault.ts'
import { createKeyFile } from '../../src/vault/stores/file/key.ts'
import { permission } from '../vault/support.ts'
import { service } from './script.service.ts'

const secret = 'canary-5b1f0c77d2'
let folder: string
let path: string
let keyFile: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-terminal-'))
  path = join(folder, 'vault')
  keyFile = join(folder, 'key')
  await createKeyFile(keyFile)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Types at the program once it asks, or sends it a signal, and returns all that the terminal has shown. */
function typeAt(words: string, keys: string, signal?: NodeJS.Signals): Promise<string> {
  const program = `${JSON.stringify(process.execPath)} --import tsx packages/cli/src/procura.ts`
  const command = `sh -c 'echo $$ > ${folder}/pid; exec ${program} ${words} --file ${path} --key-file ${keyFile}'; stty -a`
  const child = spawn(service.find() ?? 'script', ['-qec', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let shown = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const asked = shown.includes('not shown')
    shown += String(chunk)
    if (asked || !shown.includes('not shown')) return
    child.stdin.write(keys)
    if (signal !== undefined) process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), signal)
  })
  return new Promise((resolve) => {
    // The program can end before its last words are read.
    child.once('close', () => {
      child.stdin.destroy()
      resolve(shown)
    })
  })
}

describe('procura at a terminal', () => {
  it('stores a secret that is typed, and the terminal does not show it', async () => {
    const shown = await typeAt('vault put crm --leasable', `${secret}x\x7f\r`)
    expect(shown).toContain('secret of crm (it is not shown): ')
    expect(shown).toMatch(/^stored version \d+ of crm, which is new: lease only\s+speed/m)
    expect(shown).not.toContain(secret)
    const vault = await openFileVault({ path, key: { keyFile } })
    const { secret: kept } = await vault.lease('crm', { authorization: permission() })
    expect(kept.reveal()).toBe(secret)
  })

  it('stores nothing when it is broken off', async () => {
    const shown = await typeAt('vault put other --leasable', `${secret}\x03`)
    expect(shown).toMatch(/interrupted; nothing is stored/)
    expect(shown).not.toContain(secret)
    expect((await openFileVault({ path, key: { keyFile } })).references).not.toContain('other')
  })

  it('stores nothing of a paste of several lines, and leaves nothing of it to the shell', async () => {
    const shown = await typeAt('vault put other --leasable', `\x1b[200~${secret}\r${secret}\r${secret}\x1b[201~`)
    expect(shown).toMatch(/several lines were pasted/)
    expect(shown).not.toContain(secret)
    expect((await openFileVault({ path, key: { keyFile } })).references).not.toContain('other')
  })

  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const) {
    it(`restores the terminal after ${signal}`, async () => {
      const shown = await typeAt('vault put other --leasable', '', signal)
      expect(shown).toMatch(/interrupted; nothing is stored/)
      expect(shown).toMatch(/ echo /)
      expect(shown).toMatch(/ icanon /)
    })
  }
})
