import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openGateway, readGatewayConfig } from '../../../src/index.ts'
import { type GatewayHome, makeGatewayHome } from '../../gateway/serve/gateway-home.ts'
import { runCli } from '../run-cli.ts'

const moved = { home: '/var/lib/procura/ho me', user: 'procura' }

/** Verbs of the home folder, each with words that it takes. */
const refused = [
  ['serve'],
  ['start'],
  ['status'],
  ['doctor'],
  ['service install'],
  ['tools list'],
  ['tools accept', 'mail', 'hash'],
  ['approve', 'ID'],
  ['wrap', 'CONFIG', '--client', 'claude'],
  ['wrap', 'CONFIG', '--client', 'claude', '--dry-run'],
  ['api add', 'crm', 'https://api.example.com', '--header', 'Authorization'],
  ['api remove', 'crm'],
  ['run', '--', 'true'],
  ['policy', 'mail'],
  ['allow', 'mail/list'],
  ['renew'],
  ['rotate', 'mail', 'MAIL_KEY'],
  ['passphrase'],
  ['login', 'crm'],
  ['invite', 'bob', '--server', 'mail'],
  ['backup', 'BACKUP'],
  ['log'],
  ['log could', '--agent', 'claude', '--at', 'yesterday'],
] as const

let home: GatewayHome
let folder: string

beforeEach(async () => {
  home = await makeGatewayHome()
  await home.agent('claude')
  home.configure((content) => {
    Object.assign(content, { moved })
    Object.assign(Object(content['servers']), { crm: { type: 'http', url: 'https://crm.invalid', login: 'crm.login' } })
  })
  folder = mkdtempSync(join(tmpdir(), 'procura-moved-'))
  const mail = { command: 'node', args: [], env: { MAIL_KEY: 'sk-live-canary-1' } }
  writeFileSync(join(folder, 'CONFIG'), JSON.stringify({ mcpServers: { mail } }), { mode: 0o600 })
})
afterEach(async () => {
  await home.remove()
  rmSync(folder, { recursive: true })
})

/** Each file with its content. */
function contents(): readonly string[] {
  return [home.folder, folder]
    .flatMap((top) => readdirSync(top, { recursive: true, encoding: 'utf8' }).map((name) => join(top, name)))
    .map((path) => (statSync(path).isFile() ? `${path} ${readFileSync(path, 'base64')}` : path))
    .toSorted()
}

function placed(words: readonly string[]): readonly string[] {
  const [name = '', ...rest] = words.map((word): string =>
    word === 'CONFIG' || word === 'BACKUP' ? join(folder, word) : word,
  )
  const at = rest.indexOf('--')
  const end = at < 0 ? rest.length : at
  return [...name.split(' '), ...rest.slice(0, end), '--home', home.folder, ...rest.slice(end)]
}

describe('a home folder whose gateway has moved', () => {
  it.each(refused)('is refused by %s with the new place and the command [GTW-81] [CLI-37]', async (name, ...rest) => {
    const before = contents()
    const { code, out, err } = await runCli(placed([name, ...(rest as readonly string[])]), 'secret')
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain(
      `gateway.json\` has moved to \`${moved.home}\`, of the user \`procura\`; run \`sudo -u procura`,
    )
    expect(err).toContain(`sudo -u procura procura ${name} `)
    expect(err).toContain(`--home '${moved.home}'\``)
    expect(contents()).toEqual(before)
  })

  it('is not opened by a program, and an agent finds its servers there as before [GTW-81]', async () => {
    const read = await readGatewayConfig(join(home.folder, 'gateway.json'))
    expect(read.moved).toEqual(moved)
    await expect(openGateway({ config: read })).rejects.toThrow('has moved to `/var/lib/procura/ho me`')
    const event = { hook_event_name: 'PreToolUse', tool_name: 'mcp__mail__send', tool_input: {}, tool_use_id: 't' }
    const { code, err } = await runCli(
      ['hook', '--agent', 'claude', '--home', home.folder],
      JSON.stringify({ ...event, session_id: 's' }),
    )
    expect([code, err]).toEqual([0, ''])
    const { err: stopped } = await runCli(['stop', '--home', home.folder])
    expect(stopped).toBe('the gateway does not run')
  })

  it('is refused where the mark is malformed, and nothing of it becomes a command [GTW-81]', async () => {
    for (const mark of [null, 1, {}, { ...moved, user: '$(id)' }, { ...moved, home: '/a\nb' }]) {
      home.configure((content) => Object.assign(content, { moved: mark }))
      for (const verb of ['renew', 'start']) {
        const { code, err } = await runCli([verb, '--home', home.folder])
        expect([code, err]).toEqual([2, expect.stringMatching(/`moved(\.\w+)?` (in .* )?(must be|is missing)/)])
        expect(err).not.toContain('sudo')
      }
    }
  })
})
