// node only: works with parts that use files
import { randomBytes } from 'node:crypto'
import { type Did, isDid } from 'procura/did'
import { sha256Bytes } from '#support/digest.ts'
import { loopback } from '../../gateway/agent-side/connect/connection-file.ts'
import { isAgentName } from '../../gateway/configuration/home.ts'
import { UsageError } from '../usage-error.ts'

/** The text that one person sends to another one. It contains no key and no delegation. */
export interface Invitation {
  /** The loopback address of the gateway. */
  readonly address: string
  /** The DID of the gateway. */
  readonly audience: Did
  /** The DID of the owner, who signs the delegations. */
  readonly subject: Did
  /** The name of the new agent. */
  readonly name: string
  /** The port at which `invite` waits, on 127.0.0.1. */
  readonly port: number
  /** The last second. */
  readonly end: number
  /** 16 bytes in hexadecimal: the first one who sends it takes the invitation. */
  readonly secret: string
  /** The SHA-256 of the nonce, in hexadecimal. The nonce is shown after the DID of the agent is known. */
  readonly hash: string
}

const version = 'procura-1'

/** A value that nobody can guess, in hexadecimal. */
export function randomValue(): string {
  return randomBytes(16).toString('hex')
}

/** The SHA-256 of a text, in hexadecimal. */
export async function hashOf(text: string): Promise<string> {
  return Buffer.from(await sha256Bytes(new TextEncoder().encode(text))).toString('hex')
}

/** Writes an invitation as one word. */
export function writeInvitation(invitation: Invitation): string {
  const { address, audience, subject, name, port, end, secret, hash } = invitation
  return [version, address, audience, subject, name, port, end, secret, hash].join(',')
}

/** @throws UsageError when the text is not a whole invitation. The text is not shown. */
export function readInvitation(text: string): Invitation {
  const [read, address = '', audience, subject, name = '', port = '', end = '', secret = '', hash = '', ...more] =
    text.split(',')
  const isWhole = /^[0-9a-f]{32}$/.test(secret) && /^[0-9a-f]{64}$/.test(hash) && more.length === 0
  const isPlace = loopback(address) !== undefined && /^[1-9][0-9]{0,4}$/.test(port) && Number(port) < 65_536
  if (
    read !== version ||
    !isWhole ||
    !isPlace ||
    !isAgentName(name) ||
    !/^[0-9]{1,12}$/.test(end) ||
    !isDid(audience) ||
    !isDid(subject)
  )
    throw new UsageError('the text is not an invitation of this version of procura; copy the whole line of `invite`')
  return { address, audience, subject, name, port: Number(port), end: Number(end), secret, hash }
}

/** 32 letters and digits, without those that look like another one. */
const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789'

/**
 * The code that one person reads to the other one: 6 characters, 30 bits. It is of the key of the agent, of all that
 * the agent takes from the text, and of a nonce that was fixed before the key was known. So nobody can search for a key
 * or a text with the same code. CON-34
 */
export async function codeOf(
  did: string,
  { address, audience, subject, name }: Invitation,
  nonce: string,
): Promise<string> {
  const text = JSON.stringify(['procura invitation 1', did, address, audience, subject, name, nonce])
  const bytes = await sha256Bytes(new TextEncoder().encode(text))
  return [...bytes.slice(0, 6)].map((byte) => alphabet[byte % 32]).join('')
}
