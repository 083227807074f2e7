/** A route of Fastify 5. `containerBodies` lets a call come in the body of a request too. */
import { fastify } from 'fastify'
import { defineCommand, delegate, generateSigner } from 'procura'
import { openAgent } from 'procura/agent'
import { email } from 'procura/arguments'
import { memoryAuditSink } from 'procura/audit'
import { containerBodies, fastifyHandler } from 'procura/http/fastify'
import { like } from 'procura/policy'
import { createService, on } from 'procura/service'
import { memoryStores } from 'procura/store/memory'

const [owner, key, self] = await Promise.all([generateSigner(), generateSigner(), generateSigner()])
const send = defineCommand({ command: '/mail/send', args: { to: email() } })
const service = createService({
  audience: self.did,
  subjects: [owner.did],
  handlers: [on(send, ({ args }) => ({ sent: args.to }))], // `call.fetch` sends upstream requests, with a `credential`
  audit: { sink: memoryAuditSink() },
  receipts: self,
  ...memoryStores(),
})

const app = fastify()
app.register(containerBodies)
app.post('/mail', fastifyHandler(service, { command: send }))
const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/mail`

const policy = [like('.to', '*@example.com')]
const assistant = await openAgent({
  signer: key,
  delegations: [await delegate({ issuer: owner, audience: key.did, command: send, policy })],
  services: [{ audience: self.did, url }],
})
const result = await assistant.call(send, { to: 'bob@example.com' })
if (result.ok) console.log(result.value, 'receipt:', result.receipt !== undefined)
const refused = await fetch(url, { method: 'POST' })
console.log(refused.status, (await refused.json()).code)
await app.close()
await service.close()

// { sent: 'bob@example.com' } receipt: true
// 401 container_missing
