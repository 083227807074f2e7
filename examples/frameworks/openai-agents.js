import { Agent, run, setTracingDisabled, tool, Usage } from '@openai/agents-core'
import { defineCommand, delegate, generateSigner } from 'procura'
import { openAgent } from 'procura/agent'
import { openaiTools } from 'procura/agent/openai'
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
const tools = await openaiTools(assistant, { tools: [send], tool })
setTracingDisabled(true)

for (const to of ['bob@example.com', 'eve@evil.example']) {
  // A model that calls the tool once.
  const call = {
    type: 'function_call',
    callId: 'call',
    name: 'mail_send',
    status: 'completed',
    arguments: JSON.stringify({ to }),
  }
  const text = { type: 'output_text', text: 'done' }
  const answers = [call, { type: 'message', role: 'assistant', status: 'completed', content: [text] }]
  const model = { getResponse: async () => ({ usage: new Usage(), output: [answers.shift()] }) }
  const { history } = await run(new Agent({ name: 'assistant', model, tools }), 'Write.')
  console.log(history.find(({ type }) => type === 'function_call_result').output.text)
}
await guard.close()

// sent to bob@example.com
// delegation 1 of 1: policy statement 1: `.to` must be a string that matches `*@example.com`, found a string of 16 characters
