// node only: writes files
import { dirname, join } from 'node:path'
import { encodeContainer } from '../container/container.ts'
import { delegate } from '../delegation/delegate.ts'
import { parseDid } from '../did/did.ts'
import { enrollApprover } from '../gateway/approvals/review-approvals.ts'
import type { GatewayConfig } from '../gateway/configuration/read-gateway-config.ts'
import type { Signer } from '../principal/signer.ts'
import { quote } from '../support/quote.ts'
import { systemClock } from '../time.ts'
import { openApproverKeys } from './approver-keys.ts'
import type { Host } from './host.ts'
import { namesOf } from './principal-names.ts'
import { readDuration, showDate } from './time-text.ts'
import { UsageError } from './usage-error.ts'
import { type Flags, textOf } from './verb.ts'
import { readGatewayFile, writeGatewayFile } from './wrap/gateway-file.ts'
import { inHome } from './wrap/wrap-home.ts'

/**
 * `procura approve --enroll DID`: the owner makes a principal an approver. It gets a delegation of the commands that it can
 * approve, and its DID is added to the approvers of the gateway. APR-93
 */
export async function enroll(
  config: GatewayConfig,
  words: readonly string[],
  flags: Flags,
  host: Host,
): Promise<number> {
  if (words.length > 0) throw new UsageError('--enroll takes no ID')
  const audience = parseDid(textOf(flags, 'enroll') ?? '')
  // Its delegation would let the agent make every call itself.
  const name = (await namesOf(config))[audience]
  if (name !== undefined) throw new UsageError(`${audience} is ${name}, which cannot be an approver`)
  const expiresIn = readDuration('expires-in', textOf(flags, 'expires-in') ?? '30d')
  const home = dirname(config.path)
  const path = textOf(flags, 'from') ?? join(home, 'owner.key')
  const [issuer] = await openApproverKeys(path, config, flags, host)
  const { did } = issuer as Signer
  if (!config.subjects.includes(did))
    throw new UsageError(`${quote(path, 256)} is the key of ${did}, which is not a subject of the gateway`)
  const command = textOf(flags, 'command') ?? '/mcp'
  const enrolment = await delegate({ issuer: issuer as Signer, audience, command, expiresIn })
  await enrollApprover({ config, enrolment: encodeContainer([enrolment]) })
  await addApprover(home, audience)
  const expiration = systemClock.now() + expiresIn
  if (flags['json'] === true) host.print(JSON.stringify({ approver: audience, command, expiration }))
  else host.print(`${audience} can approve ${command} until ${showDate(expiration)}`)
  host.complain('a running gateway takes it on SIGHUP, or when it is started again')
  return 0
}

function addApprover(home: string, did: string): Promise<void> {
  return inHome(home, async (lock) => {
    const file = await readGatewayFile(home)
    if (file === undefined) throw new UsageError(`${quote(home, 256)} has no gateway.json`)
    const approvals = Object(file.content['approvals']) as { readonly approvers?: readonly string[] }
    const approvers = [...new Set([...(approvals.approvers ?? []), did])]
    await writeGatewayFile(home, { ...file.content, approvals: { ...approvals, approvers } }, lock)
  })
}
