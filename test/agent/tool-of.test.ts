import { describe, expect, it } from 'vitest'
import { toolOf } from '../../src/agent/tool-of.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { ArgumentError } from '../../src/errors.ts'

const send = defineCommand({ command: '/mail/send', args: { to: email() }, description: 'Sends a mail.' })

describe('AGT-16 a command as a tool', () => {
  it('has a name, a description and the schema of its definition', () => {
    const tool = toolOf(send)
    expect(tool).toMatchObject({ name: 'mail_send', description: 'Sends a mail.', definition: send })
    expect(tool.jsonSchema).toMatchObject({ properties: { to: { type: 'string' } }, required: ['to'] })
    expect(tool.schema['~standard'].validate({ to: 'nobody' })).toHaveProperty('issues')
    expect(Object.isFrozen(tool)).toBe(true)
  })

  it('has a schema that is a Standard Schema and a JSON Schema', () => {
    const { schema, jsonSchema } = toolOf(send)
    expect('~standard' in schema && schema['~standard'].validate({ to: 'bob@example.com' })).toHaveProperty('value')
    expect(JSON.parse(JSON.stringify(schema))).toEqual(jsonSchema)
    expect(Object.keys(schema)).not.toContain('~standard')
    // LangChain notes the place of each part of a schema in the part.
    for (const part of [schema, Object(schema).properties.to]) Object.assign(part, { __absolute_uri__: 'x' })
    expect(JSON.stringify(toolOf(send).schema)).not.toContain('__absolute_uri__')
    expect(JSON.stringify(jsonSchema)).not.toContain('__absolute_uri__')
  })

  it('tells the model what the agent may do', () => {
    const capability = { conditions: ['`.to` is a string that ends with `"@example.com"`', '`.copies` is `1`'] }
    expect(toolOf(send, { name: 'mail', description: 'Mail to a colleague', capability })).toMatchObject({
      name: 'mail',
      description:
        'Mail to a colleague. Permitted only where `.to` is a string that ends with `"@example.com"`, and `.copies` is `1`.',
    })
  })

  it('refuses a name that models do not take', () => {
    expect(() => toolOf(send, { name: 'mail.send' })).toThrow(ArgumentError)
    const long = defineCommand({ command: `/${'a'.repeat(65)}`, args: {} })
    expect(() => toolOf(long)).toThrow('pass a `name`')
    expect(toolOf(long, { name: 'a' }).description).toBe(`/${'a'.repeat(65)}.`)
    expect(() => toolOf(defineCommand({ command: '/', args: {} }))).toThrow('pass a `name`')
    expect(() => toolOf({} as never)).toThrow(ArgumentError)
  })
})
