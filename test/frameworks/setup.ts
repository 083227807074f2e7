import { inspect } from 'node:util'
import type { Agent } from '../../src/agent/agent.ts'
import { openAgent } from '../../src/agent/open-agent.ts'
import type { SendCall } from '../../src/agent/send-call.ts'
import { approve } from '../../src/approval/approve.ts'
import { readApprovalRequest } from '../../src/approval/read-request.ts'
import { createAuthorizer } from '../../src/authorization/authorize.ts'
import { memoryStores } from '../../src/authorization/memory-stores.ts'
import { email } from '../../src/capability/argument-types/email.ts'
import { type CommandDefinition, defineCommand } from '../../src/capability/definition.ts'
import { like } from '../../src/capability/policy/build.ts'
import { delegate } from '../../src/delegation/delegate.ts'
import { generateSigner } from '../../src/principal/generate-signer.ts'
import { importSigner } from '../../src/principal/import-signer.ts'

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

/** A tool of a framework. */
export interface Tool {
  readonly name: string
  readonly execute: (input: { readonly to: string }) => Promise<string>
}

const seed = crypto.getRandomValues(new Uint8Array(32))

/** An agent with authority, a service that counts its requests, and an owner who approves. */
export async function setUp(): Promise<{
  readonly assistant: Agent
  readonly mail: (agent: Agent) => Tool
  readonly containers: readonly string[]
  readonly executed: readonly string[]
}> {
  const [owner, service, signer] = [await generateSigner(), await generateSigner(), await importSigner({ seed })]
  const authorizer = createAuthorizer({
    audience: service.did,
    subjects: [owner.did],
    commands: [send],
    ...memoryStores(),
  })
  const containers: string[] = []
  const executed: string[] = []
  const toService: SendCall = async ({ container }) => {
    containers.push(container)
    const decision = await authorizer.authorize(container)
    if (decision.allowed) return { ok: true, value: decision.authorization.args['to'] }
    const { code, message } = decision.denial
    return { ok: false, denial: { code, message } }
  }
  const to = { issuer: owner, audience: signer.did }
  const assistant = await openAgent({
    signer,
    services: [{ audience: service.did, send: toService }],
    delegations: [
      await delegate({ ...to, command: send, policy: [like('.to', '*@example.com')] }),
      await delegate({ ...to, command: ask }),
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
      return result.ok ? `sent to ${result.value}` : result.message
    },
  })
  return { assistant, mail, containers, executed }
}

/** The forms of the key that must be in no output, and the signed calls. */
export function canaries(containers: readonly string[]): string[] {
  const bytes = Buffer.from(seed)
  const forms = [bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url')]
  return [...forms, [...seed].join(','), [...seed].join(', '), ...containers]
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
