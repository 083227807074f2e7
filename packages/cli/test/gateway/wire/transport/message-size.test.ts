import { describe, expect, it } from 'vitest'
import { hasTooManyValues, mostValues } from '../../../../src/gateway/wire/transport/message-size.ts'

describe('the values of a message', () => {
  it('are counted outside of strings [GTW-22] [attack 98]', () => {
    for (const one of ['1,', '[],', '{},', '"a",', '"\\\\",', '{"a":"\\"[,{"},', '1 , '])
      expect([one, hasTooManyValues(`[${one.repeat(mostValues)}1]`)]).toEqual([one, true])
    for (const text of [
      `["${'[,{'.repeat(mostValues)}"]`,
      `["${'\\"[,'.repeat(mostValues)}"]`,
      `["${'\\\\'.repeat(mostValues)}",1]`,
      `[${'1,'.repeat(mostValues - 2)}"${'x'.repeat(mostValues)}"]`,
      `"${'x,'.repeat(mostValues * 2)}`,
    ])
      expect([text.slice(0, 9), hasTooManyValues(text)]).toEqual([text.slice(0, 9), false])
    expect(hasTooManyValues(`${'['.repeat(mostValues + 1)}${']'.repeat(mostValues + 1)}`)).toBe(true)
  })
})
