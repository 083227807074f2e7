import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { root } from '../../test/setup/entries.ts'
import type { Program } from '../setup/mcp-programs.ts'

/** A server behind two processes of supergateway. */
export interface ProxiedServer {
  /** The program that a client starts. */
  readonly program: Program
  stop(): Promise<void>
}

const program = `${root}bench/peers/node_modules/supergateway/dist/index.js`

/**
 * Puts a server of MCP behind supergateway, which passes messages on: one process before the server, and one that the
 * client starts, with Streamable HTTP in between. It decides nothing, records nothing and holds no credential.
 */
export async function proxyBySupergateway(server: Program): Promise<ProxiedServer> {
  const port = await freePort()
  const quiet = ['--logLevel', 'none']
  const place = ['--outputTransport', 'streamableHttp', '--stateful', '--port', String(port)]
  const command = [process.execPath, ...server].join(' ')
  const child = spawn(process.execPath, [program, '--stdio', command, ...place, ...quiet], { stdio: 'ignore' })
  await listening(port)
  return {
    // It registers a listener for each call, of which Node warns.
    program: ['--no-warnings', program, '--streamableHttp', `http://localhost:${port}/mcp`, ...quiet],
    async stop() {
      child.kill()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Waits until somebody listens, at most 20 s. */
async function listening(port: number): Promise<void> {
  for (let count = 0; count < 200; count++) {
    const socket = connect(port, 'localhost')
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('supergateway did not listen')
}
