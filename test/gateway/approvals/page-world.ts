// node only: listens on sockets
/** A gateway with a page for approvals, and clients of both SDKs that open it. */
import { createServer } from 'node:net'
import { PassThrough } from 'node:stream'
import { Client as ClientTwo } from '@modelcontextprotocol/client'
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { connectToGateway } from '../../../src/gateway/connect/connect-to-gateway.ts'
import { lineTransport } from '../../../src/gateway/transport/line-transport.ts'

/** A port of this machine that nothing listens at. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  const { port } = server.address() as { readonly port: number }
  await new Promise((settle) => server.close(settle))
  return port
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
