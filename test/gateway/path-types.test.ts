import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../../src/errors.ts'
import { checkPathNames, pathTypes } from '../../src/gateway/path-types.ts'

const tool = {
  name: 'read',
  inputSchema: { type: 'object', properties: { path: { type: 'string' }, paths: { type: 'array' }, text: {} } },
}

describe('the paths of a server', () => {
  it('GTW-28 have one spelling, alone and in lists, so that a pattern limits them', async () => {
    const types = pathTypes(tool, ['path', 'paths', 'constructor'])
    expect(Object.keys(types)).toEqual(['path', 'paths'])
    const isValid = async (name: string, value: unknown): Promise<boolean> =>
      (await types[name]?.['~standard'].validate(value))?.issues === undefined
    for (const good of ['/data/a.txt', '/data']) expect.soft(await isValid('path', good), good).toBe(true)
    for (const wrong of ['/data/../etc', 'data', '/data//a', '/data/%2e%2e/a', '/data/./a', ' /data', 5, null])
      expect.soft(await isValid('path', wrong), String(wrong)).toBe(false)
    expect([await isValid('paths', ['/a', '/b']), await isValid('paths', ['/a', '/a/..'])]).toEqual([true, false])
  })

  it('GTW-28 are arguments of some accepted tool, or the configuration is wrong', () => {
    expect(() => checkPathNames([tool], ['path'])).not.toThrow()
    expect(() => checkPathNames([], ['pth'])).not.toThrow()
    for (const name of ['pth', 'constructor', '__proto__'])
      expect(() => checkPathNames([tool], [name])).toThrow(ArgumentError)
  })
})
