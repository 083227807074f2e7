/** One schema, that of `toolOf`, for every framework. */

import assert from 'node:assert/strict'
import { fakeModel } from '@langchain/core/testing'
import { createTool } from '@mastra/core/tools'
import * as openai from '@openai/agents-core'
import * as ai6 from 'ai6'
import * as ai7 from 'ai7'
import { AIMessage, createAgent, tool } from 'langchain'
import { toolOf } from '../../src/agent/tool-of.ts'
import { send } from './setup.ts'

export async function checkSchemas() {
  const { name, description, schema } = toolOf(send)
  const seen = []
  const execute = async (input) => {
    seen.push(input)
    return 'sent'
  }
  const args = { to: 'bob@example.com' }

  const mail = tool(execute, { name, description, schema })
  const model = fakeModel()
    .respondWithTools([{ name, args, id: 'one' }])
    .respond(new AIMessage('done'))
  await createAgent({ model, tools: [mail] }).invoke({ messages: [{ role: 'user', content: 'hello' }] })
  assert.deepEqual(seen.splice(0), [args], 'LangChain')
  await assert.rejects(mail.invoke({ too: 1 }), 'LangChain validates')

  for (const sdk of [ai6, ai7]) {
    const made = sdk.asSchema(schema)
    const { to } = (await made.jsonSchema).properties
    assert.equal(to.type, 'string', 'the AI SDK')
    assert.equal((await made.validate(args)).success, true)
    assert.equal((await made.validate({ to: 'nobody' })).success, false, 'the AI SDK validates')
  }

  const own = openai.tool({ name, description, parameters: schema, execute })
  assert.equal(own.parameters.properties.to.type, 'string', 'OpenAI Agents')
  await own.invoke(new openai.RunContext(), JSON.stringify(args))
  assert.deepEqual(seen.splice(0), [args], 'OpenAI Agents')

  const mastra = createTool({ id: name, description, inputSchema: schema, execute })
  await mastra.execute(args, {})
  assert.deepEqual(seen.splice(0), [args], 'Mastra')
  const refused = await mastra.execute({ to: 'nobody' }, {})
  assert.deepEqual([seen, Object(refused).error], [[], true], 'Mastra validates')
}
