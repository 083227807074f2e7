/**
 * The main job, from end to end: an upstream that demands an API key, a service that keeps that key in an encrypted file
 * and records every use, an owner who delegates, an agent and a sub-agent who never see the key. Everything runs on this
 * machine, from this package.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { attenuate, defineCommand, delegate, encodeContainer, generateSigner, type IpldMap, invoke } from 'procura'
import { email, oneLine } from 'procura/arguments'
import { openJsonlAuditSink, readJsonlLines } from 'procura/audit/jsonl'
import { verifyAuditLog } from 'procura/audit/verify'
import { createGuard, type GuardResult } from 'procura/guard'
import { like } from 'procura/policy'
import { revoke, verifyRevocation } from 'procura/revocation'
import { memoryStores } from 'procura/store/memory'
import { createKeyFile, openFileVault } from 'procura/vault/file'
import { bearer } from 'procura/vault/processors'

const folder = await mkdtemp(join(tmpdir(), 'procura-demo-'))
const apiKey = randomBytes(24).toString('base64url')
const printed: string[] = []

function say(line: string): void {
  printed.push(line)
  console.log(line)
}

// The upstream: a mail API that requires a key and records its requests.
const received: string[] = []
const upstream = createServer((request, response) => {
  const known = request.headers.authorization === `Bearer ${apiKey}`
  received.push(`${request.method} ${request.url} with ${known ? 'the right key' : 'no key'}`)
  response.writeHead(known ? 202 : 401).end()
})
upstream.listen(0, '127.0.0.1')
await once(upstream, 'listening')
const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`

// The service: the key in an encrypted file, bound to its origin, and a log that shows changes.
const service = await generateSigner()
const owner = await generateSigner()
await createKeyFile(join(folder, 'vault.key'))
const vault = await openFileVault({
  path: join(folder, 'vault'),
  key: { keyFile: join(folder, 'vault.key') },
  create: true,
})
await vault.put('mail-api', { secret: apiKey, origins: [origin], methods: ['POST'], processor: bearer() })
const send = defineCommand({ command: '/mail/send', args: { to: email(), subject: oneLine() } })
const { revocations, replay } = memoryStores()
const guard = createGuard({
  audience: service.did,
  subjects: [owner.did],
  commands: [{ ...send, credential: 'mail-api', show: ['to'] }],
  revocations,
  replay,
  vault,
  audit: { sink: await openJsonlAuditSink({ directory: join(folder, 'audit') }) },
  receipts: service,
})

async function serve(container: string): Promise<GuardResult<number>> {
  return guard.use(container, async (call) => {
    const response = await call.fetch(`${origin}/send`, { method: 'POST', body: JSON.stringify(call.args) })
    return response.status
  })
}

function show(title: string, result: GuardResult<number>): void {
  say(`${title}: ${result.allowed ? `done, upstream status ${result.value}` : `refused, ${result.denial.message}`}`)
}

// The owner delegates to an agent, for ten minutes; the agent narrows it for a sub-agent, without asking anybody.
const agent = await generateSigner()
const subAgent = await generateSigner()
const grant = await delegate({ issuer: owner, audience: agent.did, command: '/mail', expiresIn: 600 })
const narrow = await attenuate(grant, {
  issuer: agent,
  audience: subAgent.did,
  command: send,
  policy: [like('.to', '*@example.com')],
  expiresIn: 60,
})
const proofs = [grant, narrow]

async function ask(args: IpldMap): Promise<string> {
  const call = await invoke({ issuer: subAgent, audience: service.did, command: '/mail/send', args, proofs })
  return encodeContainer([call, ...proofs])
}

const container = await ask({ to: 'bob@example.com', subject: 'Hello' })
show('1. the sub-agent writes to bob@example.com', await serve(container))
show('2. the sub-agent writes to eve@evil.test', await serve(await ask({ to: 'eve@evil.test', subject: 'Hello' })))
show('3. somebody sends a copied call again', await serve(container))
const forged = await invoke({
  issuer: await generateSigner(),
  subject: owner.did,
  audience: service.did,
  command: '/mail/send',
  args: { to: 'bob@example.com', subject: 'Hello' },
  proofs,
})
const stolen = await serve(encodeContainer([forged, ...proofs]))
say(`4. a thief uses the copied chain with a key of its own: refused, ${stolen.allowed ? '' : stolen.denial.code}`)

const revocation = await revoke({ issuer: agent, delegation: narrow })
const verdict = await verifyRevocation(encodeContainer([revocation, narrow]))
if (verdict.accepted) await revocations.add(verdict.entry)
const late = await serve(await ask({ to: 'bob@example.com', subject: 'Hello' }))
say(`5. the agent revokes the branch, and the sub-agent tries again: refused, ${late.allowed ? '' : late.denial.code}`)

await guard.close()
const report = await verifyAuditLog(readJsonlLines({ directory: join(folder, 'audit') }))
say(`6. the audit log: ${report.valid ? `${report.records} records, unchanged` : report.fault.message}`)
say(`7. the upstream got: ${received.join(', ')}`)

// The proof: the key is only in the upstream and, encrypted, in the vault.
const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
const texts = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')))
const seen = [...texts, container, printed.join('\n')].filter((text) => text.includes(apiKey)).length
say(`8. places outside the upstream where the API key can be read, files, log, token and screen: ${seen}`)

upstream.close()
await rm(folder, { recursive: true })

// 1. the sub-agent writes to bob@example.com: done, upstream status 202
// 2. the sub-agent writes to eve@evil.test: refused, delegation 2 of 2: policy statement 1: `.to` must be a string that matches `*@example.com`, found a string of 13 characters
// 3. somebody sends a copied call again: refused, this invocation was already used; sign a new invocation for each call
// 4. a thief uses the copied chain with a key of its own: refused, principal_misaligned
// 5. the agent revokes the branch, and the sub-agent tries again: refused, revoked
// 6. the audit log: 7 records, unchanged
// 7. the upstream got: POST /send with the right key
// 8. places outside the upstream where the API key can be read, files, log, token and screen: 0
