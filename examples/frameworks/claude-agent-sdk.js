import { createServer } from 'node:http'
import { createSdkMcpServer, query, tool } from '@anthropic-ai/claude-agent-sdk'
import { defineCommand, delegate, generateSigner } from 'procura'
import { openAgent } from 'procura/agent'
import { claudeSession } from 'procura/agent/claude'
import { email } from 'procura/arguments'
import { memoryAuditSink } from 'procura/audit'
import { createGuard } from 'procura/guard'
import { like } from 'procura/policy'
import { memoryStores } from 'procura/store/memory'
import { z } from 'zod'

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

for (const to of ['bob@example.com', 'eve@evil.example']) {
  const session = claudeSession(assistant, {
    tools: { mcp__mail__send: send },
    subagents: { writer: { commands: [{ command: send, policy: [like('.to', 'bob@*')] }] } },
  })
  const mail = tool('send', 'Sends a mail', { to: z.string() }, async (input, extra) => {
    const result = await session.agentFor(extra).call(send, input)
    return { content: [{ type: 'text', text: result.ok ? result.value : result.message }] }
  })
  const options = {
    hooks: session.hooks,
    mcpServers: { mail: createSdkMcpServer({ name: 'mail', tools: [mail] }) },
    allowedTools: ['mcp__mail__send'], // allowed beforehand: the hook is asked all the same
    ...(await fakeModel(to)),
  }
  for await (const { type, message } of query({ prompt: 'Write.', options })) {
    const [part] = type === 'user' ? message.content : []
    if (part?.type === 'tool_result') console.log(part.content[0].text ?? part.content)
  }
}
await guard.close()
process.exit()

/** A model on this machine that calls the tool once. Leave it out: Claude Code then asks the real one. */
async function fakeModel(to) {
  const event = (type, data) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
  const usage = { input_tokens: 1, output_tokens: 1 }
  const use = { type: 'tool_use', id: 'toolu_1', name: 'mcp__mail__send', input: {} }
  const server = createServer(async (request, response) => {
    const { model, messages = [] } = JSON.parse(Buffer.concat(await request.toArray()).toString() || '{}')
    const isFirst = !JSON.stringify(messages).includes('tool_result')
    const message = { id: 'msg_1', type: 'message', role: 'assistant', model, content: [], usage }
    const input = { type: 'input_json_delta', partial_json: JSON.stringify({ to }) }
    response.setHeader('content-type', 'text/event-stream')
    response.write(event('message_start', { message }))
    response.write(
      event('content_block_start', { index: 0, content_block: isFirst ? use : { type: 'text', text: '' } }),
    )
    response.write(
      event('content_block_delta', { index: 0, delta: isFirst ? input : { type: 'text_delta', text: 'done' } }),
    )
    response.write(event('content_block_stop', { index: 0 }))
    response.write(event('message_delta', { delta: { stop_reason: isFirst ? 'tool_use' : 'end_turn' }, usage }))
    response.end(event('message_stop', {}))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const ANTHROPIC_BASE_URL = `http://127.0.0.1:${server.address().port}`
  const env = { ...process.env, ANTHROPIC_BASE_URL, ANTHROPIC_API_KEY: 'none', ENABLE_TOOL_SEARCH: 'false' }
  return { env, settingSources: [], persistSession: false }
}

// sent to bob@example.com
// PreToolUse:mcp__mail__send hook error: delegation 1 of 1: policy statement 1: `.to` must be a string that matches `*@example.com`, found a string of 16 characters
