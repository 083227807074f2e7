/**
 * An agent with its delegations: it receives some, offers tools to a model, makes a call, and starts a sub-agent with less.
 * A wrong call is explained before anything is sent.
 */
import { createAuthorizer, defineCommand, delegate, encodeContainer, generateSigner } from 'procura'
import { openAgent, type SendCall, toolOf } from 'procura/agent'
import { email, oneLine, optional } from 'procura/arguments'
import { like } from 'procura/policy'
import { memoryStores } from 'procura/store/memory'

const [owner, service] = [await generateSigner(), await generateSigner()]
const args = { to: email(), subject: optional(oneLine({ maxLength: 80 })) }
const send = defineCommand({ command: '/mail/send', description: 'Sends a mail', args })
const authorizer = createAuthorizer({
  audience: service.did,
  subjects: [owner.did],
  commands: [send],
  ...memoryStores(),
})

// Stands for a request over HTTP (`url`), or for a call of an MCP tool.
const toService: SendCall = async ({ container }) => {
  const decision = await authorizer.authorize(container)
  return decision.allowed
    ? { ok: true, value: `sent to ${decision.authorization.args['to']}` }
    : { ok: false, denial: { code: decision.denial.code, message: decision.denial.message } }
}
const agent = await openAgent({
  signer: await generateSigner(),
  services: [{ audience: service.did, send: toService }],
  ceilings: { depth: 2, lifetime: 300 },
  onDelegation: ({ purpose, delegation }) => console.log('recorded:', purpose, delegation.command),
})

const grant = await delegate({
  issuer: owner,
  audience: agent.did,
  command: '/mail',
  policy: [like('.to', '*@example.com')],
})
const reception = await agent.receive(encodeContainer([grant]))
console.log('received:', reception.accepted)

for (const capability of await agent.capabilities({ commands: [send] })) {
  for (const definition of capability.commands) {
    const { name, description, jsonSchema } = toolOf(definition, { capability })
    console.log('tool:', name, '-', description, Object.keys(Object(jsonSchema['properties'])))
  }
}

// Models leave arguments undefined, and get them wrong.
for (const to of ['bob@example.com', 'eve@evil.test']) {
  const result = await agent.call(send, { to, subject: undefined })
  console.log(result.ok ? result.value : `${result.reason}: ${result.message}`)
}

const policy = [like('.to', 'bob@*')]
const helper = await agent.attenuateFor({ commands: [{ command: send, policy }], purpose: 'write to Bob' })
const answer = await helper.can(send, { to: 'ann@example.com' })
console.log('the helper to Ann:', answer.ok ? 'yes' : answer.denial.message)
console.log('shown:', Object.keys(agent))

// received: true
// tool: mail_send - Sends a mail. Permitted only where `.to` is a string that ends with `"@example.com"`. [ 'to', 'subject' ]
// sent to bob@example.com
// not_permitted: delegation 1 of 1: policy statement 1: `.to` must be a string that matches `*@example.com`, found a string of 13 characters
// recorded: write to Bob /mail/send
// the helper to Ann: delegation 2 of 2: policy statement 1: `.to` must be a string that matches `bob@*`, found a string of 15 characters
// shown: [ 'did' ]
