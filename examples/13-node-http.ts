/** A server of `node:http` without a framework, which SIGTERM or SIGINT ends. */
import { defineCommand, delegate, generateSigner } from 'procura'
import { openAgent } from 'procura/agent'
import { email } from 'procura/arguments'
import { memoryAuditSink } from 'procura/audit'
import { listenForCalls } from 'procura/http/node'
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

// For TLS, or beside other routes, pass `nodeHandler(service)` to a server of your own.
const { url, close } = await listenForCalls(service, { port: 0, command: send })

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
await close()

// { sent: 'bob@example.com' } receipt: true
// 401 container_missing
