import { expect, it } from 'vitest'
import { discover } from '../../../src/cli/login/discover.ts'
import { LoginFault } from '../../../src/cli/login/login-fetch.ts'

const server = new URL('https://mcp.example.com/mcp')
const issuer = 'https://auth.example.com'
const resource = { resource: server.href, authorization_servers: [issuer] }
const metadata = {
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  code_challenge_methods_supported: ['S256'],
}

/** Answers as a server and its authorization server do. */
function answering(about: object, as: object): (url: string) => Promise<Response> {
  return async (url) => {
    if (url === server.href) return new Response(null, { status: 401 })
    return Response.json(url.includes('protected-resource') ? about : as)
  }
}

it('names the fault of a server whose list of authorization servers is none [LGN-02]', async () => {
  for (const authorization_servers of [5, {}, null, 'https://auth.example.com', [null]]) {
    const found = discover(server, {}, answering({ ...resource, authorization_servers }, metadata))
    await expect.soft(found).rejects.toThrow(LoginFault)
  }
})

it('takes no list of another type from the metadata [LGN-05]', async () => {
  for (const wrong of ['xS256', 5, { includes: true }]) {
    const lists = { code_challenge_methods_supported: wrong, scopes_supported: wrong, grant_types_supported: wrong }
    const { as } = await discover(server, {}, answering(resource, { ...metadata, ...lists }))
    const read = [as.code_challenge_methods_supported, as.scopes_supported, as.grant_types_supported]
    expect.soft(read).toEqual([undefined, undefined, undefined])
  }
})
