import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { integer, optional } from '../../../src/core/capability/argument-types/basic.ts'
import { email } from '../../../src/core/capability/argument-types/email.ts'
import type { Command } from '../../../src/core/capability/command.ts'
import { type CommandDefinition, commandTable, defineCommand } from '../../../src/core/capability/definition.ts'
import { ArgumentError } from '../../../src/errors.ts'

const send = defineCommand({
  command: '/mail/send',
  args: { to: email(), copies: optional(integer({ min: 0 })) },
  description: 'Sends one mail',
})

describe('defineCommand', () => {
  it('gives back what was declared, frozen', () => {
    expect(send.command).toBe('/mail/send')
    expect(send.description).toBe('Sends one mail')
    expect(Object.keys(send.args)).toEqual(['to', 'copies'])
    expect(Object.isFrozen(send) && Object.isFrozen(send.args)).toBe(true)
    expect(Object.getPrototypeOf(send.args)).toBeNull()
  })

  it('does not change when the draft does', () => {
    const args = { to: email() }
    const definition = defineCommand({ command: '/mail/send', args })
    Object.assign(args, { extra: email() })
    expect(Object.keys(definition.args)).toEqual(['to'])
  })

  it.each(['mail', '/Mail', '/mail/', '/ほげ'])('does not take the command %s', (command) => {
    expect(() => defineCommand({ command, args: {} })).toThrow(ArgumentError)
  })

  it.each([null, undefined, 5, 'text', {}, { '~standard': { version: 2, validate: () => ({ value: 1 }) } }])(
    'does not take %j for a schema',
    (schema) => {
      expect(() => defineCommand({ command: '/a', args: { x: schema as never } })).toThrow(
        /`x` of `\/a` must be a Standard Schema/,
      )
    },
  )

  it('takes schemas by name, and not one schema for all arguments', () => {
    for (const args of [z.object({ to: z.string() }), email(), undefined, 'to']) {
      expect(() => defineCommand({ command: '/mail/send', args: args as never })).toThrow(
        'defineCommand: `args` must be an object with a schema for each argument',
      )
    }
  })

  it('takes a schema that is a function', () => {
    const schema = Object.assign(() => undefined, email())
    expect(Object.keys(defineCommand({ command: '/a', args: { x: schema } }).args)).toEqual(['x'])
  })

  it('ARG-07 does not take an argument named __proto__ [attack 42]', () => {
    const args = JSON.parse('{"__proto__": 1}') as never
    expect(() => defineCommand({ command: '/a', args })).toThrow(
      'defineCommand: `args` must not have the name `__proto__`',
    )
  })
})

describe('commandTable', () => {
  it('takes definitions and nothing else', () => {
    for (const given of ['/mail/send', undefined, {}, { command: '/mail/send' }, { command: 'mail', args: {} }]) {
      expect(() => commandTable([given as never])).toThrow(ArgumentError)
    }
  })

  it('CMD-08 finds what was defined and nothing that objects inherit [attack 43]', () => {
    const table = commandTable([send])
    expect(table.get(send.command)).toEqual(send)
    const inherited = [
      '__proto__',
      'constructor',
      'constructor/keys',
      'constructor/assign',
      'hasOwnProperty',
      'isPrototypeOf',
      'propertyIsEnumerable',
      'toLocaleString',
      'toString',
      'valueOf',
      '__defineGetter__',
      '__lookupSetter__',
    ]
    for (const name of inherited) {
      expect(table.get(name as Command)).toBeUndefined()
      expect(table.get(`/${name}` as Command)).toBeUndefined()
    }
  })

  it('CMD-08 looks up a command without changing it', () => {
    const table = commandTable([send])
    expect(table.get('/mail' as Command)).toBeUndefined()
    expect(table.get('/mail/send/now' as Command)).toBeUndefined()
  })

  it('CMD-08 takes one definition of a command', () => {
    const again: CommandDefinition = defineCommand({ command: '/mail/send', args: {} })
    expect(() => commandTable([send, again])).toThrow('command `/mail/send` is defined twice')
  })
})
