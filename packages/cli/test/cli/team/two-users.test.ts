import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../../../../test/setup/entries.ts'
import { bundledProcura } from '../../../../../test/support/bundled-procura.ts'
import { freePort } from '../../../../../test/support/free-port.ts'
import { mailServer } from '../../gateway/serve/gateway-home.ts'

/** Users without a name: their numbers are enough for the system. */
const users = { gateway: 54_321, bob: 54_322, carol: 54_323 } as const
type User = keyof typeof users
const isRoot = process.getuid?.() === 0

const bundled = bundledProcura()
let folder: string
let port: number
/** The DID of the agent that has joined. */
let joined = ''
const started: ChildProcess[] = []

const homeOf = (user: User): string => join(folder, user)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-users-'))
  chmodSync(folder, 0o755)
  port = await freePort()
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin', 'procura'), `#!/bin/sh\nexec '${process.execPath}' '${bundled()}' "$@"\n`)
  copyFileSync(mailServer, join(folder, 'mail.mjs'))
  for (const path of ['bin', 'bin/procura', 'mail.mjs']) chmodSync(join(folder, path), 0o755)
  chmodSync(join(bundled(), '..'), 0o755)
  if (!isRoot) return
  for (const user of Object.keys(users) as User[]) {
    mkdirSync(homeOf(user))
    chownSync(homeOf(user), users[user], users[user])
  }
  const mail = { command: process.execPath, args: [join(folder, 'mail.mjs')], env: { MAIL_KEY: 'sk-live-canary-7f3a' } }
  const config = join(homeOf('gateway'), '.mcp.json')
  writeFileSync(config, JSON.stringify({ mcpServers: { mail } }), { mode: 0o600 })
  chownSync(config, users.gateway, users.gateway)
}, 60_000)

afterAll(async () => {
  if (isRoot) await as('gateway', 'procura stop').ended
  for (const one of started) one.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

interface Running {
  said(): string
  until(text: RegExp): Promise<string>
  type(text: string): void
  readonly ended: Promise<number | null>
}

/** Runs a line of the shell as a user; with a terminal of that user, where a person answers. */
function as(user: User, line: string, hasTerminal = false): Running {
  const env = { HOME: homeOf(user), PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, SHELL: '/bin/sh' }
  const words = hasTerminal ? ['script', '-qfec', line, '/dev/null'] : ['sh', '-c', line]
  const options = { uid: users[user], gid: users[user], cwd: homeOf(user), env }
  const child = spawn(words[0] as string, words.slice(1), options)
  started.push(child)
  let text = ''
  let isOver = false
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      text += String(data).replaceAll('\r', '')
    })
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)))
  void ended.then(() => {
    isOver = true
  })
  return {
    said: () => text,
    ended,
    type: (typed) => void child.stdin.write(typed),
    async until(pattern) {
      await expect.poll(() => isOver || pattern.test(text)).toBe(true)
      return pattern.exec(text)?.[1] ?? ''
    },
  }
}

async function done(user: User, line: string): Promise<string> {
  const running = as(user, line)
  await running.ended
  return running.said()
}

/** An answer to a call, as the model of a user sees it. */
async function call(tool: string, args: string): Promise<string> {
  const running = as('bob', 'procura connect mail --agent bob')
  const send = (message: object): void => running.type(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const clientInfo = { name: 'test', version: '1' }
  send({ id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo } })
  await running.until(/"id":1[,}]/)
  send({ method: 'notifications/initialized' })
  send({ id: 2, method: 'tools/call', params: { name: tool, arguments: JSON.parse(args) } })
  await running.until(/"id":2[,}]/)
  const answer = running
    .said()
    .split('\n')
    .find((one) => /"id":2[,}]/.test(one))
  return String(JSON.parse(answer ?? '{}').result?.content?.[0].text)
}

/** Invites, and lets the colleague join. The code goes from one to the other. */
async function invite(inviteLine: string): Promise<string> {
  const inviting = as('gateway', inviteLine, true)
  const text = await inviting.until(/^procura join (\S+)$/m)
  const joining = as('bob', `procura join ${text}`)
  const code = await joining.until(/the code is ([a-z2-9]{6});/)
  await inviting.until(/6 characters/)
  inviting.type(`${code}\n`)
  expect([await joining.ended, await inviting.ended], inviting.said() + joining.said()).toEqual([0, 0])
  joined = /^bob is (did:key:\w+);/m.exec(inviting.said())?.[1] ?? ''
  return inviting.said() + joining.said()
}

async function execute(line: string): Promise<string> {
  const [, user, sign, command = ''] = /^(gateway|bob)([$>]) (.*)$/.exec(line) ?? []
  if (sign === '>') {
    const [, tool = '', args = ''] = /^(\w+) (.*)$/.exec(command) ?? []
    return call(tool, args)
  }
  if (command.startsWith('procura join')) return ''
  const exact = command
    .replace('did:key:…', joined)
    .replace('~gateway', homeOf('gateway'))
    .replace('127.0.0.1:7333', `127.0.0.1:${port}`)
  return command.startsWith('procura invite') ? invite(exact) : done(user as User, exact)
}

function hasLine(text: string, documented: string): boolean {
  const parts = documented.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 'm').test(text)
}

describe.runIf(isRoot)('a gateway with a user of its own', () => {
  const blocks = [
    ...readFileSync(`${root}packages/cli/spec/guides/team.md`, 'utf8').matchAll(/^```console\n([\s\S]*?)^```$/gm),
  ].map(([, block = '']) => block.trimEnd().split('\n'))

  it('is set up, invites, rotates, revokes and restores as the guide has it [CON-38]', async () => {
    expect(blocks).toHaveLength(8)
    let said = ''
    for (const line of blocks.flat()) {
      if (/^(gateway|bob)[$>] /.test(line)) {
        const before = said
        said = await execute(line)
        // Both sides of an invitation run at once.
        if (line.includes('procura join')) said = before
      } else expect(hasLine(said, line), `${line}\n${said}`).toBe(true)
    }
    expect(await call('send', '{"to":"ann@example.com"}')).not.toContain('sent')
  }, 120_000)

  it('shows another user nothing of its files [CON-45]', async () => {
    for (const user of ['bob', 'carol'] as const) {
      const line = `find ${homeOf('gateway')} -type f; cat ${homeOf('gateway')}/.config/procura/* ${homeOf('gateway')}/vault.key`
      const seen = await done(user, line)
      expect(seen.split('\n').filter((one) => one !== '' && !one.includes('Permission denied'))).toEqual([])
    }
    // Without the folder above, each file and folder refuses for itself.
    chmodSync(homeOf('gateway'), 0o755)
    const seen = await done(
      'bob',
      `find ${homeOf('gateway')}/.config/procura ${homeOf('gateway')}/vault.key -type f -readable 2>/dev/null`,
    )
    chmodSync(homeOf('gateway'), 0o700)
    expect(seen).toBe('')
  })

  it('refuses an invitation that is read by a third user, was used or has ended [CON-45]', async () => {
    const inviting = as('gateway', 'procura invite dan', true)
    const text = await inviting.until(/^procura join (\S+)$/m)
    const thief = as('carol', `procura join ${text}`)
    await thief.until(/the code is/)
    expect(await done('bob', `procura join ${text}`)).toContain('somebody has used this invitation before')
    for (const [at, wrong] of ['aaaaaa', 'bbbbbb', 'cccccc'].entries()) {
      await inviting.until(new RegExp(`(?:6 characters[^]*){${at + 1}}`))
      inviting.type(`${wrong}\n`)
    }
    expect([await inviting.ended, await thief.ended]).toEqual([1, 2])
    expect(await done('carol', 'ls ~/.config/procura/agents')).toBe('')
    expect(await done('bob', `procura join ${text}`)).toContain('nobody waits for this invitation')
    const parts = text.split(',')
    const ended = [...parts.slice(0, 6), '1', ...parts.slice(7)].join(',')
    expect(await done('bob', `procura join ${ended}`)).toContain('the invitation ended at')
    expect(await done('gateway', 'procura status')).not.toContain('dan')
  }, 60_000)

  it('names the file with its address to an agent that does not find it [CON-44]', async () => {
    await done('gateway', 'procura stop')
    const path = join(homeOf('bob'), '.config/procura/agents/bob/connect.json')
    const said = await call('send', '{"to":"ann@example.com"}')
    expect(said).toContain('; start it with `procura start`, as its user; if it has moved to another address')
    expect(said).toContain(`set \`address\` in \`${path}\``)
  })
})
