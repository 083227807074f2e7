// node only: connects to a loopback address, reads and writes files
import { connect, type Socket } from 'node:net'
import { join as pathOf } from 'node:path'
import { type Did, systemClock } from 'procura'
import { type AgentCapability, openAgent } from 'procura/agent'
import { fileDelegationStore } from 'procura/agent/file'
import { createSignerFile } from 'procura/signer/file'
import { openContainer } from 'procura/token'
import { quote } from '#support/quote.ts'
import { writeConnection } from '../../gateway/agent-side/connect/connection-file.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { makeFolderOnce } from '../home/copy-home.ts'
import { ensureFolder, exists } from '../home/home-files.ts'
import type { Host } from '../host.ts'
import { inOwnWords } from '../terminal/own-words.ts'
import { showDate } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, operandOf, textOf } from '../verb.ts'
import { codeOf, hashOf, type Invitation, readInvitation } from './invitation.ts'
import { nextFields } from './wait-for-join.ts'

/** Milliseconds for the first answer. */
const answerMs = 10_000

/**
 * `procura join TEXT`: makes an agent with a key of its own, and gets its delegations from the one who has invited.
 * The folder of the agent is made in one step, when they are verified.
 */
export async function join(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const invitation = readInvitation(operandOf(words, 'the text of the invitation'))
  const { name, end } = invitation
  if (end <= systemClock.now()) throw new UsageError(`the invitation ended at ${showDate(end)}; ask for another one`)
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const folder = pathOf(home, 'agents', name)
  await ensureFolder(home)
  await ensureFolder(pathOf(home, 'agents'))
  if (await exists(folder))
    throw new UsageError(`${quote(folder, 256)} exists already; ask for an invitation with another name`)
  const socket = await connectTo(invitation)
  try {
    // In the home folder, whose other programs leave it alone: a person can need an hour for the code.
    const { did, capabilities, servers } = await makeFolderOnce(
      folder,
      (draft) => joinIn(draft, invitation, socket, host),
      home,
    )
    await new Promise((resolve) => socket.write(`${JSON.stringify({ procura: 1, joined: true })}\n`, resolve))
    if (flags['json'] === true) host.print(JSON.stringify({ did, folder, servers }))
    else for (const line of [did, ...capabilities.map(({ words: text }) => text)]) host.print(line)
    host.complain(
      `made the agent ${name}; start ${servers.map((one) => `\`procura connect ${shellQuoted(one)} --agent ${name}\``).join(', ')} in your client in the place of the server`,
    )
    return 0
  } finally {
    socket.end()
  }
}

interface Joined {
  readonly did: Did
  readonly capabilities: readonly AgentCapability[]
  readonly servers: readonly string[]
}

function connectTo({ port }: Invitation): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port })
    const fail = (): void =>
      reject(
        new UsageError(
          'nobody waits for this invitation on this machine: it was used or has ended; ask for another one',
        ),
      )
    socket.once('error', fail).once('connect', () => {
      socket.off('error', fail).on('error', () => undefined)
      resolve(socket)
    })
  })
}

/** Makes the files of the agent in a draft of its folder. */
async function joinIn(draft: string, invitation: Invitation, socket: Socket, host: Host): Promise<Joined> {
  const { address, audience, subject, secret, hash, end } = invitation
  const { signer } = await createSignerFile({ path: pathOf(draft, 'agent.key') })
  const { did } = signer
  socket.write(`${JSON.stringify({ join: secret, did })}\n`)
  const { nonce } = answered(await nextFields(socket, answerMs))
  // Without it, the other side could choose the nonce for a code that fits.
  if (typeof nonce !== 'string' || (await hashOf(nonce)) !== hash)
    throw new UsageError(
      'another program answers in the place of the invitation; nothing is joined, ask for another one',
    )
  host.complain(`the code is ${await codeOf(did, invitation, nonce)}; tell it to the person who has invited you`)
  const waitMs = Math.max(1, end - systemClock.now()) * 1_000
  const { delegations } = answered(await nextFields(socket, waitMs))
  if (typeof delegations !== 'string') throw new UsageError('the invitation was ended; nothing is joined')
  const received = (await openContainer(delegations)).delegations
  // A delegation of another owner, or to another key, is not what was promised.
  if (received.length === 0 || received.some((one) => one.issuer !== subject || one.audience !== did))
    throw new UsageError('the delegations are not of the owner in the invitation; nothing is joined')
  await writeConnection(draft, { address, audience, subject, key: 'agent.key', delegations: 'delegations' })
  const agent = await openAgent({ signer, store: fileDelegationStore({ path: pathOf(draft, 'delegations') }) })
  const reception = await agent.receive(delegations)
  if (!reception.accepted) throw new UsageError(`the delegations are refused: ${inOwnWords(reception.denial.message)}`)
  const servers = [...new Set(received.flatMap(({ command }) => command.split('/')[2] ?? []))]
  return { did, capabilities: reception.capabilities, servers }
}

/** The fields of an answer. */
function answered(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { error } = fields
  if (error === 'used')
    throw new UsageError(
      'somebody has used this invitation before; tell the person who has invited you, and ask for another one',
    )
  if (error !== undefined) throw new UsageError('the invitation was refused; nothing is joined, ask for another one')
  return fields
}
