import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { root } from '../setup/entries.ts'
import { service } from './keyring.service.ts'

const folder = mkdtempSync(join(tmpdir(), 'procura-keyring-'))
const passphrase = 'canary correct horse battery'

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The commands of the guide, with a keyring that was unlocked before. */
const script = `
  printf 'login' | gnome-keyring-daemon --unlock --components=secrets > /dev/null
  printf '%s' "$GIVEN" | secret-tool store --label='mail owner' application procura key owner
  unset GIVEN
  export PROCURA_KEY_PASSPHRASE="$(secret-tool lookup application procura key owner)"
  "$NODE" "$PROGRAM" key new owner.key --encrypt &&
  "$NODE" "$PROGRAM" delegate --from owner.key --to did:web:agent.example --command /mail --out agent.ucan
  PROCURA_KEY_PASSPHRASE='another passphrase' "$NODE" "$PROGRAM" delegate --from owner.key --to did:web:agent.example --command /mail
`

describe('the keyring of Linux', () => {
  it('keeps the passphrase of a signer file, which the program gets from a command', () => {
    const { stdout, stderr } = spawnSync(service.find() ?? '', ['--', 'bash', '-c', script], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 110_000,
      env: {
        ...process.env,
        HOME: folder,
        XDG_DATA_HOME: folder,
        XDG_RUNTIME_DIR: folder,
        GIVEN: passphrase,
        NODE: process.execPath,
        PROGRAM: `${root}packages/cli/dist/procura.js`,
      },
    })
    expect(stderr).toContain('is not the one of the signer file')
    expect(readFileSync(join(folder, 'agent.ucan'), 'utf8')).not.toBe('')
    expect(JSON.parse(readFileSync(join(folder, 'owner.key'), 'utf8'))).toHaveProperty('encryption')
    expect(stdout + stderr).not.toContain('canary')
  })
})
