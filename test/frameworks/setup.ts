import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import type { Agent } from '../../src/agent/agent.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import type { SendCall } from '../../src/agent/send-call.ts'
import { approve } from '../../src/approval/approve.ts'
import { readApprovalRequest } from '../../src/approval/read-request.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { email } from '../../src/core/capability/argument-types/email.ts'
import { type CommandDefinition, defineCommand } from '../../src/core/capability/definition.ts'
import { like } from '../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import type { IpldMap } from '../../src/core/ipld/value.ts'
import { generateSigner } from '../../src/core/principal/generate-signer.ts'
import { importSigner } from '../../src/core/principal/import-signer.ts'
import type { GuardedCall } from '../../src/guard/call.ts'
import { createGuard, type Guard } from '../../src/guard/guard.ts'
import { bearer } from '../../src/vault/processors/bearer.ts'
import { memoryVault } from '../../src/vault/stores/memory/memory-vault.ts'

/** The command of the tool that sends mail. */
export const send: CommandDefinition<{ readonly to: string }> = defineCommand({
  command: '/mail/send',
  args: { to: email() },
})
/** The command of the tool that starts a sub-agent. */
export const ask: CommandDefinition<{ readonly to: string }> = defineCommand({
  command: '/helper/ask',
  args: { to: email() },
})
/** The command under which a framework starts a sub-agent itself. Its arguments are those of the framework. */
export const start = '/helper/start'

/** A tool of a framework. */
export interface Tool {
  readonly name: string
  readonly execute: (input: { readonly to: string }) => Promise<string>
}

/** An agent with authority, the service that it calls, and its tools. */
export interface Setup {
  readonly assistant: Agent
  /** Signs a call of a further command with the key of the agent, whether or not it is permitted. */
  readonly sign: (command: CommandDefinition, args: IpldMap) => Promise<string>
  /** The tool of an agent. */
  readonly mail: (agent: Agent) => Tool
  /** The DID of the service. */
  readonly audience: string
  readonly guard: Guard
  /** Sends one mail, with the credential of the service. */
  readonly deliver: (call: GuardedCall<{ readonly to: string }>) => Promise<string>
  /** The signed calls that the service received. */
  readonly containers: readonly string[]
  /** The arguments with which the tool ran. */
  readonly executed: readonly string[]
  /** The records of the service. */
  readonly records: () => unknown
  /** An owner who approves. */
  readonly approval: NonNullable<NonNullable<Parameters<Agent['call']>[2]>['approval']>
  readonly close: () => Promise<void>
}

const seed = crypto.getRandomValues(new Uint8Array(32))
const secret = `sk-${crypto.randomUUID()}`

/** The upstream of the service. It sends only for the right key. */
async function startUpstream(): Promise<Server> {
  const upstream = createServer((request, response) => {
    response.statusCode = request.headers.authorization === `Bearer ${secret}` ? 200 : 401
    response.end(`sent to ${decodeURIComponent(request.url?.slice(1) ?? '')}`)
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  return upstream
}

/** An agent with authority, a service with a credential that counts its requests, and an owner who approves. */
export async function setUp(commands: readonly CommandDefinition[] = []): Promise<Setup> {
  const [owner, service, signer] = [await generateSigner(), await generateSigner(), await importSigner({ seed })]
  const upstream = await startUpstream()
  const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  const sink = memoryAuditSink()
  const guard = createGuard({
    audience: service.did,
    subjects: [owner.did],
    commands: [send, ...commands].map((one) => ({ ...one, credential: 'mail' })),
    vault: memoryVault({ mail: { secret, origins: [origin], processor: bearer() } }),
    audit: { sink },
    ...memoryStores(),
  })
  const deliver: Setup['deliver'] = async ({ args, fetch }) => {
    const response = await fetch(`${origin}/${encodeURIComponent(args.to)}`)
    if (!response.ok) throw new Error('the upstream refused the key')
    return response.text()
  }
  const containers: string[] = []
  const executed: string[] = []
  const toService: SendCall = async ({ container }) => {
    containers.push(container)
    const result = await guard.use(container, deliver, { command: send })
    if (result.allowed) return { ok: true, value: result.value }
    const { code, message } = result.denial
    return { ok: false, denial: { code, message } }
  }
  const to = { issuer: owner, audience: signer.did }
  const policy = [like('.to', '*@example.com')]
  const others = await Promise.all(
    commands.map((command) => delegate({ ...to, command, policy: 'to' in command.args ? policy : [] })),
  )
  const assistant = await openAgent({
    signer,
    services: [{ audience: service.did, send: toService }],
    delegations: [
      await delegate({ ...to, command: send, policy }),
      ...others,
      await delegate({ ...to, command: '/helper' }),
    ],
  })
  const approval = {
    approvers: [owner.did],
    ask: async ({ container }: { readonly container: string }) => {
      const reading = await readApprovalRequest(container, { approver: owner.did })
      return reading.valid ? (await approve(reading.request, { issuer: owner })).container : undefined
    },
  }
  const mail = (agent: Agent): Tool => ({
    name: 'mail_send',
    async execute({ to }) {
      executed.push(to)
      const result = await agent.call(send, { to }, { approval })
      return result.ok ? String(result.value) : result.message
    },
  })
  return {
    assistant,
    async sign(command, args) {
      const proofs = others.filter((one) => one.command === command.command)
      const call = await invoke({
        issuer: signer,
        audience: service.did,
        subject: owner.did,
        command,
        args,
        proofs,
      } as never)
      return encodeContainer([call, ...proofs])
    },
    mail,
    audience: service.did,
    guard,
    deliver,
    containers,
    executed,
    records: () => sink.records(),
    approval,
    async close() {
      await guard.close()
      upstream.close()
    },
  }
}

/** The forms of the key and the credential that must be in no output, and the signed calls. */
export function canaries(containers: readonly string[]): string[] {
  const keys = [Buffer.from(seed), Buffer.from(secret)]
  const forms = keys.flatMap((bytes) => [
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    [...bytes].join(','),
    [...bytes].join(', '),
  ])
  return [...forms, secret, ...containers]
}

/** Everything that a value shows, as text. */
export function shown(value: unknown): string {
  const json = (): string => {
    try {
      return JSON.stringify(value) ?? ''
    } catch (error) {
      return String(error)
    }
  }
  const all = { depth: 20, maxArrayLength: Number.POSITIVE_INFINITY, maxStringLength: Number.POSITIVE_INFINITY }
  return `${json()} ${inspect(value, { ...all, breakLength: Number.POSITIVE_INFINITY })}`
}
