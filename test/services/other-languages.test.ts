// node only: starts programs
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { generateSigner } from '../../src/core/principal/generate-signer.ts'
import { importSigner } from '../../src/core/principal/import-signer.ts'
import { nodeHandler } from '../../src/http/adapters/node.ts'
import { on } from '../../src/service/on.ts'
import { createService } from '../../src/service/service.ts'
import { stoppedClock } from '../audit/events.ts'
import { type Listening, listen } from '../http/adapters/servers.ts'
import { root } from '../setup/entries.ts'
import { service as go } from './go.service.ts'
import { service as python } from './python.service.ts'

const page = readFileSync(`${root}spec/guides/other-languages.md`, 'utf8')
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, text = '']) => text)
const [client = '', use = '', receipt = ''] = blocks('python')
const [goClient = ''] = blocks('go')
const send = defineCommand({ command: '/mail/send', args: { to: email() } })
const run = promisify(execFile)
let folder: string
let server: Listening
/** What the programs get: where the service is, and the private key of its owner. */
let env: NodeJS.ProcessEnv
let sent: string[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-languages-'))
  const seed = randomBytes(32)
  const [self, owner] = [await generateSigner(), await importSigner({ seed })]
  const service = createService({
    audience: self.did,
    subjects: [owner.did],
    handlers: [
      on(send, ({ args }) => {
        sent.push(args.to)
        return { sent: args.to }
      }),
    ],
    audit: { sink: memoryAuditSink() },
    receipts: self,
    ...memoryStores(),
    registry: true,
  })
  server = await listen(createServer(nodeHandler(service, { revocationsAt: '/revocations' })))
  const url = `http://127.0.0.1:${server.port}`
  env = { ...process.env, URL: url, SERVICE: self.did, OWNER: seed.toString('hex'), PYTHONDONTWRITEBYTECODE: '1' }
  const [programs, place] = [`${root}test/services/other-languages/`, (name: string) => join(folder, name)]
  for (const name of ['driver.py', 'driver.go', 'go.mod', 'go.sum']) copyFileSync(programs + name, place(name))
  writeFileSync(place('ucan.py'), `${client}\n${receipt}`)
  writeFileSync(place('use.py'), use)
  writeFileSync(place('ucan.go'), goClient)
  await run(go.find() ?? '', ['build', '-o', place('driver'), '.'], { cwd: folder })
}, 300_000)

afterAll(async () => {
  await server?.close()
  rmSync(folder, { recursive: true })
})

describe('the guide for other languages', () => {
  it('has a program in Python that prints its last comments', async () => {
    const { stdout } = await run(python.find() ?? '', ['use.py'], { cwd: folder, env })
    expect(stdout).toBe(use.replace(/^(?!# ).*\n/gm, '').replace(/^# /gm, ''))
  })

  it.each([
    ['Python', () => [python.find() ?? '', 'driver.py']],
    ['Go', () => [join(folder, 'driver')]],
  ] as const)('has a client in %s that delegates, narrows, calls, revokes and verifies receipts', async (_, words) => {
    sent = []
    const [program = '', ...rest] = words()
    const { stdout } = await run(program, rest, { cwd: folder, env })
    expect(JSON.parse(stdout)).toEqual({
      verified: 1000,
      'receipt of another value': false,
      'receipt of another call': false,
      'receipt of another service': false,
      'argument against the policy': [403, 'policy_unsatisfied'],
      'argument of another type': [400, 'arguments_invalid'],
      'sub-agent': [200, null],
      'sub-agent beyond its policy': [403, 'policy_unsatisfied'],
      revocation: 204,
      revoked: [401, 'revoked'],
    })
    expect(sent).toHaveLength(1002)
    expect(new Set(sent.slice(0, 1000)).size).toBe(1000)
    expect(sent.slice(1000)).toEqual(['bob@example.com', 'bob@example.com'])
  })

  it('has the bytes of a call that is permitted, and of the delegation', async () => {
    const tokens = blocks('ini').map((text) => ({
      bytes: Uint8Array.from(Buffer.from(text.replace(/;.*$/gm, '').replace(/\s/g, ''), 'hex')),
    }))
    const [owner = '', , service = ''] = await Promise.all(
      [1, 2, 3].map(async (byte) => (await importSigner({ seed: new Uint8Array(32).fill(byte) })).did),
    )
    const container = encodeContainer(tokens)
    expect(container.slice(0, 13)).toBe('CoWZjdG4tdjGC')
    expect(container).toHaveLength(1012)
    const end = Date.parse('2030-03-17T17:46:40Z') / 1000
    const clock = stoppedClock(end - 10)
    const authorizer = createAuthorizer({
      audience: service,
      subjects: [owner],
      commands: [send],
      clock,
      ...memoryStores({ clock }),
    })
    expect(await authorizer.authorize(container)).toMatchObject({
      allowed: true,
      authorization: { args: { to: 'bob@example.com' } },
    })
    clock.set(end + 61)
    expect(await authorizer.authorize(container)).toMatchObject({ allowed: false, denial: { code: 'expired' } })
  })
})
