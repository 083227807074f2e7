import { fakeModel } from '@langchain/core/testing'
import { AIMessage, createAgent, ToolMessage, tool } from 'langchain'
import { defineCommand, delegate, generateSigner } from 'procura'
import { openAgent } from 'procura/agent'
import { langchainTools } from 'procura/agent/langchain'
import { email } from 'procura/arguments'
import { memoryAuditSink } from 'procura/audit'
import { createGuard } from 'procura/guard'
import { like } from 'procura/policy'
import { memoryStores } from 'procura/store/memory'

const [owner, key, service] = await Promise.all([generateSigner(), generateSigner(), generateSigner()])
const send = defineCommand({ command: '/mail/send', args: { to: email() }, description: 'Sends a mail' })

// The service decides about each call. It usually runs elsewhere, behind a URL.
const guard = createGuard({
  audience: service.did,
  subjects: [owner.did],
  commands: [send], // with a vault: `{ ...send, credential: 'mail' }`
  audit: { sink: memoryAuditSink() },
  ...memoryStores(),
})
const callService = async ({ container }) => {
  const result = await guard.use(container, ({ args }) => `sent to ${args.to}`)
  return result.allowed ? { ok: true, value: result.value } : { ok: false, denial: result.denial }
}

// The agent holds its key and what the owner delegated to it.
const policy = [like('.to', '*@example.com')]
const grant = await delegate({ issuer: owner, audience: key.did, command: send, policy })
const assistant = await openAgent({
  signer: key, // a key that lasts: `openSignerFile`
  delegations: [grant],
  services: [{ audience: service.did, send: callService }], // or `url`
})
const tools = await langchainTools(assistant, { tools: [send], tool, ToolMessage })

for (const to of ['bob@example.com', 'eve@evil.example']) {
  // A model of the tests of LangChain, which calls the tool once.
  const model = fakeModel()
    .respondWithTools([{ name: 'mail_send', args: { to }, id: 'call' }])
    .respond(new AIMessage('done'))
  const agent = createAgent({ model, tools })
  const { messages } = await agent.invoke({ messages: [{ role: 'user', content: 'Write.' }] })
  console.log(messages.find((message) => message.type === 'tool').content)
}
await guard.close()

// sent to bob@example.com
// delegation 1 of 1: policy statement 1: `.to` must be a string that matches `*@example.com`, found a string of 16 characters
