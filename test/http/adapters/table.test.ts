import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeRoutes } from './routes.ts'
import { frameworks, type Listening } from './servers.ts'
import { exchange, type RawResponse } from './socket.ts'
import { makeTable, type Row } from './table.ts'

interface Running extends Listening {
  readonly name: string
  ran(): number
}

const table = await makeTable()
const servers: Running[] = []

beforeAll(async () => {
  for (const [name, start] of Object.entries(frameworks)) {
    const { routes, ran } = await makeRoutes()
    servers.push({ name, ran, ...(await start(routes)) })
  }
})
afterAll(() => Promise.all(servers.map((server) => server.close())))

async function ask({ port, ran }: Running, { requests, ends = false }: Row): Promise<RawResponse & { runs: number }> {
  const before = ran()
  let last: RawResponse | undefined
  for (const bytes of requests) last = await exchange(port, bytes, ends)
  return { ...(last as RawResponse), runs: ran() - before }
}

describe('HTP-25 HTP-49 the same request has the same response in every adapter, and the same mark', () => {
  it('with at least 80 requests, and every code of a denial', () => {
    expect(table.length).toBeGreaterThanOrEqual(80)
    expect(Object.keys(frameworks)).toEqual(['fetch', 'hono', 'express', 'fastify', 'node'])
    expect(new Set(table.flatMap(({ code }) => code ?? [])).size).toBeGreaterThanOrEqual(40)
  })

  for (const row of table) {
    it(`${row.title}: ${row.status} ${row.code ?? ''}`, async () => {
      const [first, ...others] = await Promise.all(servers.map((server) => ask(server, row)))
      expect(first?.status, first?.body).toBe(row.status)
      if (row.code !== undefined) expect(JSON.parse(first?.body ?? '').code).toBe(row.code)
      expect(first?.runs).toBe(row.runs)
      const marks = (first as RawResponse).headers.filter((line) => line.startsWith('procura-answer:'))
      expect(marks).toEqual(marksOf(row))
      // Receipts are signed by a random nonce, or not; their text is compared without the signed bytes.
      for (const [at, other] of others.entries()) {
        expect(masked(other), servers[at + 1]?.name).toEqual(masked(first as RawResponse))
      }
      expect(`${first?.headers}${first?.body}`).not.toContain('canary')
    })
  }
})

/** The marks of a row. A revocation that is taken has one of its own. */
function marksOf({ code, runs }: Row): readonly string[] {
  if (code !== undefined) return [`procura-answer: ${code === 'handler_failed' ? 'failed' : 'refused'}`]
  return runs === 0 ? [] : ['procura-answer: executed']
}

/** A receipt names the record, and differs from one server to the next: its presence and length are compared. */
function masked(response: RawResponse): RawResponse {
  const headers = response.headers.map((line) =>
    line.replace(/^(x-ucan-container: C)(\S+)$/, (_, name: string, text: string) => `${name}(${text.length})`),
  )
  return { ...response, headers }
}
