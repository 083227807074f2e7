/**
 * A credential in the vault, with rules for the calls that may use it and the places it may be sent to. The handler uses
 * it and never sees it.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ArgumentsOf, defineCommand, delegate, encodeContainer, generateSigner, invoke } from 'procura'
import { oneOf } from 'procura/arguments'
import { memoryAuditSink } from 'procura/audit'
import { createGuard, type GuardedCall } from 'procura/guard'
import { memoryStores } from 'procura/store/memory'
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
  ...memoryStores(),
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

// The vault adds the key to the upstream request, and drops a header of the same name that the handler set.
await use(async (call) => {
  const response = await call.fetch(`${origin}/${call.args.plan}`, { headers: { 'x-api-key': 'guess' } })
  return response.text()
})
// The key is not sent to another origin.
await use(async (call) => (await call.fetch('https://elsewhere.example/')).text())
// The handler cannot lease it: its rules do not set `leasable`.
await use(async (call) => (await call.lease()).secret.reveal())

await guard.close()
upstream.close()

// plan team, key accepted
// ERR_VAULT_ORIGIN_REFUSED
// ERR_VAULT_CONFIGURATION
