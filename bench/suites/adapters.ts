import { once } from 'node:events'
import { Agent, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { generateKeyPair, SignJWT } from 'jose'
import { defineCommand, delegate, encodeContainer, generateSigner, invoke } from 'procura'
import { memoryAuditSink } from 'procura/audit'
import { createService, on, type Service } from 'procura/service'
import { memoryStores } from 'procura/store/memory'
import { quantile } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { number } from '../harness/table.ts'
import { answer, type Check, frameworks, jwtCheck, noCheck } from '../setup/adapter-servers.ts'

/** A server with the values of `Authorization` that it accepts. */
interface Contender {
  readonly server: Server
  readonly tokens: readonly string[]
  /** Microseconds of processor time for a request, by turn. */
  readonly turns: number[]
}

const kinds = ['bare', 'jose', 'procura'] as const
const connections = 16

/** Each framework alone, with a JWT middleware, and with an adapter: client and server in one process. */
export const suite: Suite = {
  name: 'adapters',
  async run({ smoke }) {
    const [turns, requests] = smoke ? [1, 4] : [7, 400]
    const material = await makeTokens((turns + 1) * requests)
    const contenders = new Map<string, Contender>()
    const agent = new Agent({ keepAlive: true, maxSockets: connections })
    try {
      for (const [name, make] of Object.entries(frameworks)) {
        for (const kind of kinds) {
          const server = await make(await material.checkOf(kind))
          server.listen(0, '127.0.0.1')
          await once(server, 'listening')
          contenders.set(`${name} ${kind}`, { server, tokens: material.tokensOf(kind), turns: [] })
        }
      }
      // The first turn is to get warm.
      for (let turn = 0; turn <= turns; turn++) {
        for (const contender of contenders.values()) {
          const spent = await drive(contender, agent, turn * requests, requests)
          if (turn > 0) contender.turns.push(spent)
        }
      }
    } finally {
      agent.destroy()
      for (const { server } of contenders.values()) server.close()
    }
    const turnsOf = (name: string): readonly number[] => contenders.get(name)?.turns ?? []
    const median = (name: string): number => quantile(turnsOf(name), 0.5)
    const ratio = (name: string, other: string): number =>
      quantile(
        turnsOf(name).map((spent, at) => spent / (turnsOf(other)[at] ?? Number.NaN)),
        0.5,
      )
    const names = Object.keys(frameworks)
    return {
      tables: [
        {
          title: 'Adapters: processor time for a request, client and server together',
          columns: ['framework', 'bare', 'a JWT with jose', 'a service of procura', 'procura / bare', 'procura / jose'],
          rows: names.map((name) => [
            name,
            ...kinds.map((kind) => `${number(median(`${name} ${kind}`))} µs`),
            ...['bare', 'jose'].map((kind) => number(ratio(`${name} procura`, `${name} ${kind}`))),
          ]),
          notes: [
            `${turns} turns of ${requests} requests over ${connections} connections of loopback. A call has one delegation, which the service has met before; the service decides, records intent and outcome in memory, and claims the call in its replay store. jose verifies one signature.`,
          ],
        },
      ],
      figures: Object.fromEntries(
        names.map((name) => [`adapter ${name} / jose`, ratio(`${name} procura`, `${name} jose`)]),
      ),
    }
  },
}

/** The calls and tokens of all turns. The servers of all frameworks get the same ones. */
async function makeTokens(count: number) {
  const [owner, agent, self] = await Promise.all([generateSigner(), generateSigner(), generateSigner()])
  const send = defineCommand({ command: '/mail/send', args: {} })
  const grant = await delegate({ issuer: owner, audience: agent.did, command: send })
  const options = { issuer: agent, audience: self.did, subject: owner.did, command: send, args: {}, proofs: [grant] }
  const calls: string[] = []
  for (let at = 0; at < count; at++) calls.push(`Bearer ${encodeContainer([await invoke(options), grant])}`)
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' })
  const jwt = await new SignJWT({ command: '/mail/send' })
    .setProtectedHeader({ alg: 'EdDSA' })
    .setIssuer('issuer')
    .setAudience('service')
    .setExpirationTime('5m')
    .sign(privateKey)
  const makeService = (): Service =>
    createService({
      audience: self.did,
      subjects: [owner.did],
      handlers: [on(send, () => answer)],
      audit: { sink: memoryAuditSink() },
      ...memoryStores(),
    })
  return {
    tokensOf: (kind: (typeof kinds)[number]): readonly string[] => (kind === 'procura' ? calls : [`Bearer ${jwt}`]),
    checkOf: (kind: (typeof kinds)[number]): Check =>
      kind === 'bare' ? noCheck : kind === 'jose' ? jwtCheck(publicKey) : makeService(),
  }
}

/** Sends requests, and returns the microseconds of processor time for one. */
async function drive({ server, tokens }: Contender, agent: Agent, first: number, count: number): Promise<number> {
  const { port } = server.address() as AddressInfo
  const before = process.cpuUsage()
  let next = first
  const work = async (): Promise<void> => {
    while (next < first + count) await ask(port, agent, tokens[next++ % tokens.length] as string)
  }
  await Promise.all(Array.from({ length: connections }, work))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

function ask(port: number, agent: Agent, authorization: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method: 'POST', path: '/', agent, headers: { authorization } })
    sent.on('error', reject)
    sent.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => {
        if (response.statusCode === 200 && text === JSON.stringify(answer)) resolve()
        else reject(new Error(`the server answered ${response.statusCode}: ${text}`))
      })
    })
    sent.end()
  })
}
