import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

/** The environment of a desktop whose keyring is open; the folder is its home. */
const environment = {
  ...process.env,
  HOME: folder,
  XDG_DATA_HOME: folder,
  XDG_RUNTIME_DIR: folder,
  XDG_CONFIG_HOME: folder,
  NODE: process.execPath,
  PROGRAM: `${root}packages/cli/dist/procura.js`,
}

/** Runs commands of bash on a message bus with a keyring. */
function atDesktop(commands: string, env: Readonly<Record<string, string>> = {}): { stdout: string; stderr: string } {
  const unlock = "printf 'login' | gnome-keyring-daemon --unlock --components=secrets > /dev/null\n"
  const procura = 'procura() { "$NODE" "$PROGRAM" "$@"; }\n'
  return spawnSync(service.find() ?? '', ['--', 'bash', '-c', unlock + procura + commands], {
    ...{ cwd: folder, encoding: 'utf8', timeout: 110_000 },
    env: { ...environment, ...env },
  })
}

describe('the keyring of Linux', () => {
  it('GTW-78 opens the vault of a gateway, and a passphrase that is missing there is named', () => {
    const home = join(folder, 'procura')
    const mail = { command: process.execPath, args: ['/opt/mail.mjs'], env: { MAIL_KEY: 'canary-of-mail' } }
    writeFileSync(join(folder, '.mcp.json'), JSON.stringify({ mcpServers: { mail } }))
    const made = atDesktop('procura wrap .mcp.json', { PROCURA_VAULT_PASSPHRASE: passphrase })
    expect(made.stdout).toContain('wrapped 1 server')
    const path = join(home, 'gateway.json')
    const content = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ ...content, vault: { file: 'vault', unlock: { keyring: true } } }))
    const list = `procura vault list --file ${home}/vault`
    const missing = atDesktop(list)
    const [, store = ''] = /store it with `(.*?)`/.exec(missing.stderr) ?? []
    expect(missing.stderr).toContain(`the keyring has no passphrase for the vault of \`${home}\``)
    const { stdout, stderr } = atDesktop(`printf '%s' "$GIVEN" | ${store}\n${list}`, { GIVEN: passphrase })
    expect(stdout, stderr).toContain('mail.MAIL_KEY')
    expect(stderr).not.toContain('canary')
    expect(atDesktop(`unset DBUS_SESSION_BUS_ADDRESS\nexport DISPLAY=\n${list}`).stderr).toMatch(
      /the keyring does not answer: .*log in at the desktop/,
    )
  })

  it('WRP-70 gets the passphrase of a new home folder, and opens it for the next verbs', () => {
    const home = join(folder, 'asks nothing')
    const mail = { command: process.execPath, args: ['/opt/mail.mjs'], env: { MAIL_KEY: 'canary-of-mail' } }
    writeFileSync(join(folder, 'new.mcp.json'), JSON.stringify({ mcpServers: { mail } }))
    const { stdout, stderr } = atDesktop(
      `procura wrap new.mcp.json --client claude --home "$PLACE"
      procura vault list --file "$PLACE/vault"
      procura unwrap new.mcp.json --home "$PLACE"`,
      { PLACE: home },
    )
    expect(stdout, stderr).toMatch(/wrapped 1 server[\s\S]*mail\.MAIL_KEY[\s\S]*restored 1 server/)
    expect(JSON.parse(readFileSync(join(home, 'gateway.json'), 'utf8')).vault.unlock).toEqual({ keyring: true })
    const [, show = ''] = /keep a copy of what `(.*?)` prints/.exec(stderr) ?? []
    const first = atDesktop(show).stdout
    expect(first).toMatch(/^[\w-]{43}$/)
    const changed = atDesktop('procura passphrase --home "$PLACE"\nprocura vault list --file "$PLACE/vault"', {
      PLACE: home,
    })
    expect(changed.stdout, changed.stderr).toContain('the vault and the key of the owner have a new passphrase')
    const second = atDesktop(show).stdout
    expect([second, second === first]).toEqual([expect.stringMatching(/^[\w-]{43}$/), false])
    expect(changed.stdout + changed.stderr).not.toContain(second)
    expect(atDesktop(`secret-tool lookup procura vault home '${home}/owner.key.next'`).stdout).toBe('')
  })

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
