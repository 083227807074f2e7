// node only: listens on sockets
/** A gateway with a page for approvals, and clients of both SDKs that open it. */
import { readdirSync, readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { Client as ClientTwo } from '@modelcontextprotocol/client'
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { connectToGateway } from '../../../../src/gateway/agent-side/connect/connect-to-gateway.ts'
import { lineTransport } from '../../../../src/gateway/wire/transport/line-transport.ts'

/** A request to the page of a gateway. Programs do not know its host, which browsers find on this machine. */
export function atPage(
  url: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const { host, port, pathname, search } = new URL(url)
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: `${pathname}${search}`, method, headers: { host, ...headers } }
    const request = httpRequest(options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Offers a key as the page does that a link opens. */
export function offerKey(link: string, did: string): ReturnType<typeof atPage> {
  const [url = '', code = ''] = link.split('#enroll-')
  return atPage(`${url}keys/${code}`, { method: 'POST', headers: { origin: url.slice(0, -1) }, body: did })
}

/** The link that `procura approve --page` has shown, as the gateway of a home folder takes it. */
export async function linkOf(home: string): Promise<string> {
  const folder = join(home, 'approvals')
  for (;;) {
    const code = readdirSync(folder).find((name) => name.endsWith('.code'))
    const [, url] = readFileSync(join(folder, 'page.run'), 'utf8').trim().split(' ')
    if (code !== undefined) return `${url}#enroll-${code.slice(0, 16)}`
    await new Promise((settle) => setTimeout(settle, 20))
  }
}

/** The action of the user to whom a client shows an address. */
export type OnUrl = (url: string) => Promise<'accept' | 'decline' | 'cancel'>

/** A client that is connected to the gateway. */
export interface SdkClient {
  /** Calls a tool, and returns the text of its result. */
  call(name: string, args: Record<string, unknown>): Promise<string>
  close(): Promise<void>
}

/** Connects a client of an SDK, with elicitation in the mode `url`. */
export async function sdkClient(
  sdk: 1 | 2,
  agent: string,
  onUrl: OnUrl,
  more: { readonly approvalWait?: number } = {},
): Promise<SdkClient> {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const ended = connectToGateway({ server: 'mail', agent, input, output, ...more })
  const transport = lineTransport(output, input) as never
  const info = { name: 'test', version: '1' }
  const options = { capabilities: { elicitation: { url: {} } } }
  const take = async ({ params }: { readonly params: object }): Promise<{ action: Awaited<ReturnType<OnUrl>> }> => {
    const { mode, url } = params as { readonly mode?: unknown; readonly url?: unknown }
    if (mode !== 'url') throw new Error('another mode')
    return { action: await onUrl(String(url)) }
  }
  const client = sdk === 1 ? new ClientOne(info, options) : new ClientTwo(info, options)
  if (client instanceof ClientOne) client.setRequestHandler(ElicitRequestSchema, take)
  else client.setRequestHandler('elicitation/create', take as never)
  await client.connect(transport)
  return {
    async call(name, args) {
      const result: unknown = await client.callTool({ name, arguments: args })
      const { content } = result as { readonly content: readonly [{ readonly text: string }] }
      return content[0].text
    },
    async close() {
      await client.close()
      input.destroy()
      await ended
    },
  }
}
