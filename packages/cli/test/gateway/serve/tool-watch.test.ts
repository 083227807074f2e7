import { expect, it } from 'vitest'
import { createToolWatch } from '../../../src/gateway/serve/tools/tool-watch.ts'

it('does not note a list of a session that waits when its server gets another configuration [GTW-31] [GTW-42]', async () => {
  const noted: string[] = []
  const book = {
    accepted: async () => new Map(),
    note: async (_: string, tools: readonly { readonly name: string }[]) => {
      noted.push(...tools.map(({ name }) => name))
      return { accepted: [], reworded: [], waiting: [] }
    },
  }
  const ending = new AbortController()
  const watch = createToolWatch(book, () => undefined, ending.signal)
  let isPresent = true
  // More than are written at once: the last one waits.
  for (let count = 0; count <= 20; count++)
    await watch.note('mail', { tools: [{ name: `t${count}` }] }, () => isPresent)
  expect(noted).toHaveLength(20)
  isPresent = false
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  expect(noted).toHaveLength(20)
})
