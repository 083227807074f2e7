/**
 * A credential in the vault: who may use it, where it may be sent, and how it changes. The handler uses it and never
 * sees it.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ArgumentsOf, defineCommand, delegate, encodeContainer, generateSigner, invoke } from 'procura'
import { oneOf } from 'procura/arguments'
import { memoryAuditSink } from 'procura/audit'
import { createGuard, type GuardedCall } from 'procura/guard'
import { memoryReplayStore, memoryRevocationStore } from 'procura/store/memory'
import { memoryVault } from 'procura/vault/memory'
import { header } from 'procura/vault/processors'

const upstream = createServer((request, response) => {
  response.end(
    `plan ${request.url?.slice(1)}, key ${request.headers['x-api-key'] === 's3cret' ? 'accepted' : 'missing'}`,
  )
})
upstream.listen(0, '127.0.0.1')
await once(upstream, 'listening')
const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`

const [owner, agent, service] = [await generateSigner(), await generateSigner(), await generateSigner()]
const read = defineCommand({ command: '/plan/read', args: { plan: oneOf(['free', 'team']) } })

const guard = createGuard({
  audience: service.did,
  subjects: [owner.did],
  commands: [{ ...read, credential: 'billing' }],
  revocations: memoryRevocationStore(),
  replay: memoryReplayStore(),
  vault: memoryVault({
    billing: { secret: 's3cret', origins: [origin], processor: header({ name: 'x-api-key' }), commands: ['/plan'] },
  }),
  audit: { sink: memoryAuditSink() },
})

const grant = await delegate({ issuer: owner, audience: agent.did, command: '/plan' })

async function use(handler: (call: GuardedCall<ArgumentsOf<typeof read>>) => Promise<string>): Promise<void> {
  const args = { plan: 'team' } as const
  const call = await invoke({ issuer: agent, audience: service.did, command: read, args, proofs: [grant] })
  try {
    const result = await guard.use(encodeContainer([call, grant]), handler)
    console.log(result.allowed ? result.value : result.denial.message)
  } catch (error) {
    console.log((error as { code: string }).code)
  }
}

// The upstream call gets the key on its way out; a header of the handler's own for it is dropped.
await use(async (call) => {
  const response = await call.fetch(`${origin}/${call.args.plan}`, { headers: { 'x-api-key': 'guess' } })
  return response.text()
})
// To anywhere else it is not sent.
await use(async (call) => (await call.fetch('https://elsewhere.example/')).text())
// It is not handed out either: its rules do not say that it is leasable.
await use(async (call) => (await call.lease()).secret.reveal())

await guard.close()
upstream.close()

// plan team, key accepted
// ERR_VAULT_ORIGIN_REFUSED
// ERR_VAULT_CONFIGURATION
