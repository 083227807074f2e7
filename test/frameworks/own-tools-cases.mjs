/** The cases of the tools that a framework gets from an agent. */

import assert from 'node:assert/strict'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { like } from '../../src/core/capability/policy/build.ts'
import { canaries, send, setUp, shown } from './setup.ts'

const [bob, carol, eve] = ['bob@example.com', 'carol@example.com', 'eve@example.org']
const remove = defineCommand({ command: '/mail/remove', args: {} })
const narrowed = (pattern) => ({ commands: [{ command: send, policy: [like('.to', pattern)] }] })
const callsTo = (...recipients) => recipients.map((to) => ['mail_send', { to }])

export async function checkOwnTools(run, sessionOf) {
  const { assistant, containers, records, close, audience } = await setUp()
  const options = { tools: [remove, send] }

  // Three calls at the same time: each is decided for itself, and a tool without authority is not offered.
  const { offered, input } = await run({ agent: assistant, options, calls: callsTo(bob, eve, carol) })
  assert.deepEqual(
    offered.map(({ name }) => name),
    ['mail_send'],
  )
  assert.match(offered[0].description, /Permitted only where .*@example\.com/)
  const told = shown(input)
  for (const to of [bob, carol]) assert.ok(told.includes(`sent to ${to}`), 'an allowed call')
  const answer = await assistant.can(send, { to: eve })
  assert.ok(told.includes(JSON.stringify(answer.denial.message).slice(1, -1)), 'the reason of a refusal')
  assert.equal(containers.length, 2, 'a refused call is not sent')

  // Two conversations with the same tools, at the same time, each with its own agent.
  const [one, two] = [
    await assistant.attenuateFor(narrowed('bob@*')),
    await assistant.attenuateFor(narrowed('carol@*')),
  ]
  const agents = new Map([
    ['one', one],
    ['two', two],
  ])
  const source = async (context) => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    return agents.get(sessionOf(context))
  }
  const shared = { agent: source, options: { tools: [send] }, calls: callsTo(bob, carol) }
  const [first, second, third] = await Promise.all(
    ['one', 'two', 'three'].map(async (session) => shown((await run({ ...shared, session })).input)),
  )
  assert.ok(first.includes(`sent to ${bob}`) && !first.includes(`sent to ${carol}`), 'the agent of one conversation')
  assert.ok(second.includes(`sent to ${carol}`) && !second.includes(`sent to ${bob}`), 'the agent of the other')
  assert.ok(third.includes('no authority was delegated'), 'a conversation without an agent')
  assert.equal(containers.length, 4)

  // A run that is aborted while its call is on the way aborts the call.
  const controller = new AbortController()
  const aborted = []
  const hanging = {
    capabilities: (asked) => assistant.capabilities(asked),
    call: (command, args, { signal }) =>
      assistant.call(command, args, {
        signal,
        audience,
        send: (_call, { signal: within }) =>
          new Promise((_resolve, reject) => {
            within.addEventListener('abort', () => {
              aborted.push(within.reason?.message)
              reject(within.reason)
            })
            controller.abort(new Error('the user left'))
          }),
      }),
  }
  await run({ agent: hanging, options: { tools: [send] }, calls: callsTo(bob), signal: controller.signal }).catch(shown)
  assert.deepEqual(aborted, ['the user left'], 'an aborted run aborts its call')

  // A run that is aborted while the agent is looked up sends nothing.
  const early = new AbortController()
  const slow = async () => {
    early.abort(new Error('the user left'))
    await new Promise((resolve) => setTimeout(resolve, 5))
    return assistant
  }
  await run({ agent: slow, options: { tools: [send] }, calls: callsTo(bob), signal: early.signal }).catch(shown)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(containers.length, 4, 'an aborted run sends nothing')

  const text = shown([offered, input, first, second, third, records()])
  for (const canary of canaries(containers)) assert.ok(!text.includes(canary), 'a key, secret or signed call is shown')
  await close()
}
