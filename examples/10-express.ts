/** A route of Express 5: the adapter decides, runs the handler of the command, and answers refusals. */
import type { AddressInfo } from 'node:net'
import express from 'express'
import { defineCommand, delegate, generateSigner } from 'procura'
import { openAgent } from 'procura/agent'
import { email } from 'procura/arguments'
import { memoryAuditSink } from 'procura/audit'
import { expressHandler } from 'procura/http/express'
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

const app = express()
app.post('/mail', expressHandler(service, { command: send }))
const server = app.listen(0, '127.0.0.1')
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
