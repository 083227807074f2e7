// node only: a program
/**
 * The conformance suite of MCP against a server alone and behind a relay. The parameter is the program of the suite.
 * The client of the suite signs nothing; an agent before the relay signs its calls.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { toolCommand } from '../../../packages/cli/src/gateway/wire/tool-command.ts'
import { httpTransport } from '../../../packages/cli/src/gateway/wire/transport/http-transport.ts'
import { openAgent } from '../../../src/agent/open-agent.ts'
import { memoryAuditSink } from '../../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../../src/core/authorization/memory-stores.ts'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import { generateSigner } from '../../../src/core/principal/generate-signer.ts'
import { createGuard } from '../../../src/guard/guard.ts'
import { commandOfTool } from '../../../src/mcp/command-of-tool.ts'
import { relayTools } from '../../../src/mcp/relay/relay-tools.ts'
import { toolHash } from '../../../src/mcp/tool-hash.ts'
import { withInvocation } from '../../../src/mcp/with-invocation.ts'
import { conformanceServer, conformanceTools } from './server.ts'

const [owner, bot, service] = await Promise.all([generateSigner(), generateSigner(), generateSigner()])
const tools = Object.fromEntries(
  conformanceTools.map((tool) => [
    tool.name,
    commandOfTool(tool, { command: toolCommand('conformance', tool.name), unsupported: 'json' }),
  ]),
)
const pins = new Map(
  await Promise.all(conformanceTools.map(async (tool) => [tool.name, await toolHash(tool)] as const)),
)
const sink = memoryAuditSink()
const guard = createGuard({
  audience: service.did,
  subjects: [owner.did],
  commands: Object.values(tools),
  audit: { sink },
  ...memoryStores(),
})
const grant = await delegate({ issuer: owner, audience: bot.did, command: toolCommand('conformance') })
const agent = await openAgent({ signer: bot, delegations: [grant] })

/** Serves MCP over HTTP; `open` takes the transport of each new session. */
async function serve(open: (transport: StreamableHTTPServerTransport) => Promise<unknown>): Promise<[Server, string]> {
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  let port = 0
  const server = createServer((request, response) => {
    void (async () => {
      const id = String(request.headers['mcp-session-id'] ?? '')
      let transport = sessions.get(id)
      if (transport === undefined) {
        if (id !== '') return void response.writeHead(404).end()
        const made: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
          sessionIdGenerator: () => crypto.randomUUID(),
          onsessioninitialized: (session) => void sessions.set(session, made),
          enableDnsRebindingProtection: true,
          allowedHosts: [`127.0.0.1:${port}`, `localhost:${port}`],
          allowedOrigins: [`http://127.0.0.1:${port}`, `http://localhost:${port}`],
        })
        transport = made
        await open(transport)
      }
      await transport.handleRequest(request, response)
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  return [server, `http://127.0.0.1:${port}/mcp`]
}

const [alone, url] = await serve((transport) => conformanceServer().connect(transport))
const [behind, relayUrl] = await serve(async (front) => {
  const [near, far] = InMemoryTransport.createLinkedPair()
  const signing = withInvocation(near as never, agent, { tools, audience: service.did }) as unknown as InMemoryTransport
  const upstream = httpTransport(url)
  await relayTools({ client: far as never, upstream }, guard, { tools, pins })
  await signing.start()
  front.onmessage = (message) => void signing.send(message)
  signing.onmessage = (message) => void front.send(message)
  front.onclose = () => void signing.close()
  await front.start()
})

/** Runs the suite, and returns the status of each check, by scenario and check. */
async function run(target: string): Promise<ReadonlyMap<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'procura-mcp-conformance-'))
  const suite = process.argv[2] as string
  const child = spawn(process.execPath, [suite, 'server', '--url', target, '-o', folder], { stdio: 'ignore' })
  await once(child, 'close')
  const results = new Map<string, string>()
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((one) =>
    one.endsWith('checks.json'),
  ))
    for (const [index, check] of (JSON.parse(readFileSync(join(folder, file), 'utf8')) as Check[]).entries())
      results.set(
        `${file.replace(/-\d{4}-.*$/, '')} ${index} ${check.id}`,
        `${check.status} ${check.errorMessage ?? ''}`.trim(),
      )
  rmSync(folder, { recursive: true })
  return results
}

interface Check {
  readonly id: string
  readonly status: string
  readonly errorMessage?: string
}

const [first, second] = [await run(url), await run(relayUrl)]
const names = [...new Set([...first.keys(), ...second.keys()])].sort()
const different = names.filter((name) => first.get(name) !== second.get(name))
const count = (results: ReadonlyMap<string, string>, status: string): number =>
  [...results.values()].filter((one) => one.startsWith(status)).length
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const sum = (title: string, results: ReadonlyMap<string, string>): void =>
  say(
    `${title}: ${results.size} checks, ${count(results, 'SUCCESS')} succeeded, ${count(results, 'FAILURE')} failed, ${count(results, 'WARNING')} warnings`,
  )
sum('alone', first)
sum('behind the relay', second)
for (const [name, result] of first) if (!/^(SUCCESS|INFO)/.test(result)) say(`alone: ${name}: ${result}`)
for (const name of different) say(`different: ${name}: ${first.get(name)} / ${second.get(name)}`)
const outcomes = sink.records().filter(({ event }) => event.kind === 'outcome').length
say(`recorded calls: ${outcomes}`)
alone.closeAllConnections()
behind.closeAllConnections()
process.exit(different.length === 0 && count(first, 'SUCCESS') > 0 && outcomes > 0 ? 0 : 1)
