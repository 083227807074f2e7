import { startDeadline } from '#support/deadline.ts'
import { asksForLogin } from '../login/discover.ts'
import { loginFetch } from '../login/login-fetch.ts'

/** Milliseconds for the answers of all servers, and the most servers that are asked. */
const answerMs = 10_000
const mostServers = 100

/**
 * Asks servers without a key whether they take a login.
 *
 * @param servers - their addresses, with the headers of requests.
 * @returns the addresses of those that do. One that does not answer does not.
 */
export async function findLogins(
  servers: ReadonlyMap<string, Readonly<Record<string, string>>>,
): Promise<ReadonlySet<string>> {
  const deadline = startDeadline([], answerMs)
  try {
    const asked = [...servers].slice(0, mostServers).map(async ([url, headers]) => {
      const server = new URL(url)
      const takes = await asksForLogin(server, headers, loginFetch(server, deadline.signal)).catch(() => false)
      return takes ? [url] : []
    })
    return new Set((await Promise.all(asked)).flat())
  } finally {
    deadline.end()
  }
}
