/** A route of Hono. The same program runs on other runtimes, without `@hono/node-server`. */
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { defineCommand, delegate, generateSigner } from 'procura'
import { openAgent } from 'procura/agent'
import { email } from 'procura/arguments'
import { memoryAuditSink } from 'procura/audit'
import { honoHandler } from 'procura/http/hono'
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

const app = new Hono()
app.post('/mail', honoHandler(service, { command: send }))
const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
await new Promise((listening) => server.once('listening', listening))
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mail`

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
server.close()
await service.close()

// { sent: 'bob@example.com' } receipt: true
// 401 container_missing
