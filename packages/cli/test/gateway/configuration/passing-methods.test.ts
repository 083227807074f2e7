import { describe, expect, it } from 'vitest'
import { passingMethods } from '../../../src/gateway/configuration/passing-methods.ts'

describe('the requests that pass a gateway without a signature', () => {
  it('are those of a session and of the allowed groups, in exactly their spelling [GTW-38]', () => {
    const none = passingMethods([])
    const some = passingMethods(['resources'])
    expect(['initialize', 'ping'].map(none)).toEqual([true, true])
    const ways = passingMethods(['elicitation', 'sampling', 'instructions'])
    for (const method of ['elicitation/create', 'sampling/createMessage', 'resources/read'])
      expect(ways(method), method).toBe(false)
    expect(['resources/read', 'prompts/get'].map(none)).toEqual([false, false])
    expect(['resources/read', 'prompts/get', 'initialize'].map(some)).toEqual([true, false, true])
    const hostile = [' resources/read', 'resources/read ', 'Resources/read', 'resources/read\0', 'resources//read']
    for (const method of [...hostile, 'resources', 'resources/', '', 'toString', '__proto__', 'tools/call'])
      expect.soft(some(method), method).toBe(false)
  })
})
