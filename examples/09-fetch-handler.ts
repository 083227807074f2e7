/**
 * A handler of `Request` and `Response`, as Deno, Bun, Cloudflare Workers and many frameworks take it. No server is needed to
 * try it.
 */
import { defineCommand, delegate, encodeContainer, generateSigner, invoke } from 'procura'
import { email } from 'procura/arguments'
import { memoryAuditSink } from 'procura/audit'
import { fetchHandler } from 'procura/http/fetch'
import { like } from 'procura/policy'
import { createService, on } from 'procura/service'
import { memoryStores } from 'procura/store/memory'

const [owner, agent, self] = await Promise.all([generateSigner(), generateSigner(), generateSigner()])
const send = defineCommand({ command: '/mail/send', args: { to: email() } })
const service = createService({
  audience: self.did,
  subjects: [owner.did],
  handlers: [on(send, ({ args }) => ({ sent: args.to }))], // `call.fetch` sends upstream requests, with a `credential`
  audit: { sink: memoryAuditSink() },
  ...memoryStores(),
})
const handler = fetchHandler(service, { command: send }) // `export default { fetch: handler }`

const policy = [like('.to', '*@example.com')]
const grant = await delegate({ issuer: owner, audience: agent.did, command: send, policy })
for (const to of ['bob@example.com', 'eve@evil.test']) {
  const call = await invoke({ issuer: agent, audience: self.did, command: send, args: { to }, proofs: [grant] })
  const headers = { 'x-ucan-container': encodeContainer([call, grant]) }
  const response = await handler(new Request('https://mail.example.com/', { method: 'POST', headers }))
  const body = await response.json()
  console.log(response.status, body.sent ?? body.code)
}
await service.close()

// 200 bob@example.com
// 403 policy_unsatisfied
