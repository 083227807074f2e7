import { generateText, stepCountIs } from 'ai'
import { MockLanguageModelV3 } from 'ai/test'
import { defineCommand, delegate, generateSigner } from 'procura'
import { openAgent } from 'procura/agent'
import { aiTools } from 'procura/agent/ai-sdk'
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
const tools = await aiTools(assistant, { tools: [send] })

for (const to of ['bob@example.com', 'eve@evil.example']) {
  // A model of the tests of the AI SDK, which calls the tool once.
  const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } }
  const call = { type: 'tool-call', toolCallId: 'call', toolName: 'mail_send', input: JSON.stringify({ to }) }
  const answers = [
    { content: [call], finishReason: { unified: 'tool-calls' }, usage, warnings: [] },
    { content: [{ type: 'text', text: 'done' }], finishReason: { unified: 'stop' }, usage, warnings: [] },
  ]
  const model = new MockLanguageModelV3({ doGenerate: async () => answers[model.doGenerateCalls.length - 1] })
  await generateText({ model, tools, stopWhen: stepCountIs(3), prompt: 'Write.' })
  const [{ output }] = model.doGenerateCalls.at(-1).prompt.at(-1).content
  console.log(output.value)
}
await guard.close()

// sent to bob@example.com
// AuthorizationError: delegation 1 of 1: policy statement 1: `.to` must be a string that matches `*@example.com`, found a string of 16 characters
