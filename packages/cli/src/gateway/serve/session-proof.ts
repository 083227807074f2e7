// node only: reads sockets
/**
 * The proof that a client holds a delegation for a server, before a program of the server is started for it. GTW-24
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { anySubject, authorize, type Command, defineCommand } from 'procura'
import { text } from 'procura/arguments'
import { verifyDelegation } from 'procura/authorization'
import { memoryReplayStore } from 'procura/store/memory'
import { quote } from '#support/quote.ts'
import { type HelloError, readFirstLine } from '../wire/hello.ts'
import { isAbout, proofCommand } from '../wire/proof-command.ts'
import { toolCommand } from '../wire/tool-command.ts'
import type { Snapshot } from './snapshot.ts'

/** Milliseconds for the proof. The key of the agent may be encrypted under a passphrase. */
const proofMs = 10_000

const definition = defineCommand({ command: proofCommand, args: { server: text(), challenge: text() } })

/** The server or the API that a proof is about. */
export interface ProvenPlace {
  readonly server: string
  /** The command of all of it. */
  readonly whole: Command
}

/** The place of a session with a server. */
export function serverPlace(server: string): ProvenPlace {
  return { server, whole: toolCommand(server) }
}

/** A client that has proved its key and its delegation. */
export interface Proven {
  readonly agent: string
  /** The agent to which an owner has delegated. It can make any number of agents below it, so they share its places. */
  readonly firstAgent: string
}

/** A client that has proved them at the beginning of its connection. */
export interface ProvenClient extends Proven {
  /** The agent, while its delegation is valid and not revoked. */
  readonly holder: () => Promise<string | undefined>
}

/**
 * Asks a client for its proof: a call that is signed for a challenge of this connection, and a chain of delegations to
 * its signer. The call has no effect, and no other connection accepts it.
 *
 * @returns the agent, or the fault.
 */
export async function askProof(
  socket: Socket,
  wanted: ProvenPlace,
  current: () => Pick<Snapshot, 'audience' | 'config' | 'revocations'>,
): Promise<ProvenClient | HelloError> {
  const challenge = randomBytes(18).toString('base64url')
  socket.write(`${JSON.stringify({ procura: 1, audience: current().audience, challenge })}\n`)
  const line = await readFirstLine(socket, proofMs)
  if (typeof line !== 'string') return line
  const given = proofIn(line)
  const proven = await provenBy(given, { ...wanted, challenge }, current())
  if ('code' in proven) return proven
  // The signed call is for the beginning, and expires soon.
  const holder = async (): Promise<string | undefined> => {
    const still = await heldBy(proven.agent, String(given.chain), wanted, current())
    return 'code' in still ? undefined : still.agent
  }
  return { ...proven, holder }
}

/** The parts of a proof, as a client sends them. */
interface GivenProof {
  readonly invocation?: unknown
  readonly chain?: unknown
}

/** The agent that a proof proves. */
async function provenBy(
  { invocation, chain }: GivenProof,
  wanted: ProvenPlace & { readonly challenge: string },
  { audience, config, revocations }: Pick<Snapshot, 'audience' | 'config' | 'revocations'>,
): Promise<HelloError | Proven> {
  if (typeof invocation !== 'string' || typeof chain !== 'string')
    return proofRefused('the second line must be {"procura":1,"invocation":"…","chain":"…"}; update procura')
  const decision = await authorize(invocation, {
    ...{ audience, revocations, subjects: anySubject, commands: [definition] },
    // The challenge is of this connection alone.
    replay: memoryReplayStore(),
  })
  if (!decision.allowed) return proofRefused(decision.denial.message)
  const { args, invoker } = decision.authorization
  if (args['server'] !== wanted.server || args['challenge'] !== wanted.challenge)
    return proofRefused('the proof is for another connection')
  return heldBy(invoker, chain, wanted, { config, revocations })
}

/** The agent, if a chain gives it a right for a server or an API now. */
async function heldBy(
  agent: string,
  chain: string,
  wanted: ProvenPlace,
  { config, revocations }: Pick<Snapshot, 'config' | 'revocations'>,
): Promise<HelloError | Proven> {
  const verdict = await verifyDelegation(chain, { audience: agent, revocations })
  if (!verdict.verified) return proofRefused(verdict.denial.message)
  const isServed = config.subjects.includes(verdict.subject)
  if (isServed && isAbout(verdict.command, wanted.whole))
    return { agent, firstAgent: verdict.proofs[0]?.audience ?? agent }
  return proofRefused(
    `the delegation is not for ${quote(wanted.server)} of an owner of this gateway; delegate one to the agent`,
  )
}

function proofRefused(message: string): HelloError {
  return { code: 'proof_refused', message }
}

function proofIn(line: string): GivenProof {
  try {
    const { procura, invocation, chain } = Object(JSON.parse(line)) as Readonly<Record<string, unknown>>
    return procura === 1 ? { invocation, chain } : {}
  } catch {
    return {}
  }
}
