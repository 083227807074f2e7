/** The cases of every framework. It fails at the first one that does not hold. */

import assert from 'node:assert/strict'
import { like } from '../../src/capability/policy/build.ts'
import { frameworks, openaiHandoff } from './frameworks.mjs'
import { ask, canaries, send, setUp, shown } from './setup.ts'

const printed = []
for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write.bind(stream)
  stream.write = (chunk, ...rest) => {
    printed.push(String(chunk))
    return write(chunk, ...rest)
  }
}

const tools = { mail_send: send, ask_helper: ask }
const narrowed = { commands: [{ command: send, policy: [like('.to', 'bob@*')] }], purpose: 'write to Bob' }
const [bob, carol, eve] = ['bob@example.com', 'carol@example.com', 'eve@example.org']

async function check(framework) {
  const { assistant, mail, containers, executed } = await setUp()
  const kept = []
  const run = async (agent, to, options = {}, made = [mail(agent)]) => {
    const ran = await framework({ agent, to, tools: made, options: { tools, ...options } })
    kept.push(ran.stored, ran.input)
    return shown(ran.input)
  }
  const reason = async (agent, to) => {
    const answer = await agent.can(send, { to })
    assert.equal(answer.ok, false)
    return JSON.stringify(answer.denial.message).slice(1, -1)
  }

  assert.ok((await run(assistant, carol)).includes(`sent to ${carol}`), 'an allowed call')
  assert.equal(containers.length, 1)
  assert.ok((await run(assistant, eve)).includes(await reason(assistant, eve)), 'the reason of a refusal')
  assert.deepEqual([executed.length, containers.length], [1, 1], 'a refused tool does not run')

  const helper = {
    name: 'ask_helper',
    async execute({ to }) {
      return run(await assistant.attenuateFor(narrowed), to)
    },
  }
  assert.ok((await run(assistant, bob, {}, [helper])).includes(`sent to ${bob}`), 'a sub-agent')
  assert.equal(containers.length, 2)
  const refused = await run(assistant, carol, {}, [helper])
  assert.ok(refused.includes('bob@'), 'a sub-agent has less')
  assert.deepEqual([executed.length, containers.length], [2, 2], 'the tool of the sub-agent does not run')

  assert.ok((await run(assistant, eve, { approvable: 'passed' })).includes(`sent to ${eve}`), 'an approval')
  assert.equal(containers.length, 3)
  search(kept, containers)
}

function search(kept, containers) {
  const text = [...kept.map(shown), ...printed].join('\n')
  for (const canary of canaries(containers)) assert.ok(!text.includes(canary), 'a key or a signed call is shown')
}

async function checkHandoff() {
  const { assistant, mail, containers } = await setUp()
  const run = (to) => openaiHandoff({ narrow: () => assistant.attenuateFor(narrowed), mail, options: { tools }, to })
  const [allowed, refused] = [await run(bob), await run(carol)]
  assert.ok(shown(allowed.input).includes(`sent to ${bob}`))
  assert.ok(shown(refused.input).includes('bob@'))
  assert.equal(containers.length, 1)
  search([allowed, refused], containers)
}

for (const [name, framework] of Object.entries(frameworks)) {
  await check(framework)
  process.stdout.write(`ok     ${name}\n`)
}
await checkHandoff()
process.stdout.write('ok     OpenAI Agents 0.20 with a hand-off\n')
