import { describe, expect, it } from 'vitest'
import { until } from '../../../../../test/support/until.ts'
import { createReloads } from '../../../src/gateway/serve/reloads.ts'

/** Reloads whose ends are up to the test. */
function setUp() {
  const began: string[] = []
  const ends: ((error?: Error) => void)[] = []
  let applied = 'first'
  const reloads = createReloads('first', async (config) => {
    began.push(config)
    await new Promise<void>((resolve, reject) =>
      ends.push((error) => (error === undefined ? resolve() : reject(error))),
    )
    applied = config
  })
  const end = async (error?: Error): Promise<void> => {
    await until(() => ends.length > 0)
    ends.shift()?.(error)
    await new Promise(setImmediate)
  }
  return { reloads, began, end, applied: () => applied }
}

describe('the reloads of a gateway', () => {
  it('do not bring an earlier configuration back, when a look at the keys of the page began before [GTW-34] [APR-95]', async () => {
    const { reloads, began, end, applied } = setUp()
    const look = reloads.again()
    const taken = reloads.take('second')
    const later = reloads.again()
    await new Promise(setImmediate)
    expect(began).toEqual(['first'])
    await end()
    await end()
    await end()
    await Promise.all([look, taken, later])
    expect([began, applied(), reloads.current()]).toEqual([['first', 'second', 'second'], 'second', 'second'])
  })

  it('go on with the configuration of before, when one cannot be taken [GTW-34]', async () => {
    const { reloads, began, end } = setUp()
    const refused = expect(reloads.take('wrong')).rejects.toThrow('no')
    const look = reloads.again()
    await end(new Error('no'))
    await end()
    await Promise.all([refused, look])
    expect([began, reloads.current()]).toEqual([['wrong', 'first'], 'first'])
  })
})
