// node only: writes files
import { dirname, join } from 'node:path'
import { type Did, delegate, encodeContainer, type IpldMap, type Signer, systemClock } from 'procura'
import { quote } from '#support/quote.ts'
import { namesOf } from '../../gateway/configuration/principal-names.ts'
import type { GatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import { startPageEnrolment } from '../../gateway/serve/approvals/enroll-page.ts'
import { pageFiles } from '../../gateway/serve/approvals/page-files.ts'
import { pageDelegations } from '../../gateway/serve/approvals/page-run.ts'
import { enrollApprover } from '../../gateway/serve/approvals/review-approvals.ts'
import { readGatewayFile, writeGatewayFile } from '../home/gateway-file.ts'
import { inHome } from '../home/wrap-home.ts'
import type { Host } from '../host.ts'
import { didOf } from '../terminal/did-text.ts'
import { readDuration, showDate } from '../terminal/time-text.ts'
import { askPassphrase } from '../tokens/open-signer.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { openApproverKeys } from './approver-keys.ts'

/**
 * `procura approve --enroll DID`: the owner makes a principal an approver. It gets a delegation of the commands that it
 * can approve, and its DID is added to the approvers of the gateway. APR-93
 */
export async function enroll(
  config: GatewayConfig,
  words: readonly string[],
  flags: Flags,
  host: Host,
): Promise<number> {
  if (words.length > 0) throw new UsageError('--enroll takes no ID')
  if (config.approvals?.page !== undefined && flags['elsewhere'] !== true)
    throw new UsageError(
      'the gateway serves a page, whose key is enrolled with `procura approve --page`; pass --elsewhere for a key that is not in a browser',
    )
  const audience = didOf('enroll', textOf(flags, 'enroll') ?? '')
  // Its delegation would let the agent make every call itself.
  const name = (await namesOf(config))[audience]
  if (name !== undefined) throw new UsageError(`${audience} is ${name}, which cannot be an approver`)
  const grant = grantOf(config, flags, '30d')
  for (const enrolment of await grant.to(audience, host)) await enrollApprover({ config, enrolment })
  await addApprover(dirname(config.path), audience)
  grant.report(audience, host)
  host.complain('a running gateway takes it at `procura reload`')
  return 0
}

/**
 * `procura approve --page`: makes the key of a browser an approver, usually until the gateway ends. The person opens a
 * link, and types the end of the key that the page shows.
 */
export async function enrollPage(
  config: GatewayConfig,
  words: readonly string[],
  flags: Flags,
  host: Host,
): Promise<number> {
  if (words.length > 0) throw new UsageError('--page takes no ID')
  // A mistake is found before the gateway is asked.
  grantOf(config, flags, '7d')
  const page = await startPageEnrolment({ config, ...(host.signal !== undefined && { signal: host.signal }) })
  try {
    const grant = grantOf(config, flags, page.isLasting ? '30d' : '7d')
    host.complain('open this link in your browser, within 10 minutes:')
    host.complain(`  ${page.link}`)
    const audience = await page.approver()
    const typed = await askPassphrase('the last 6 characters of the key that the page shows (not shown here): ', host)
    // A process that saw the link can have been faster than the browser.
    if (typed.trim() !== audience.slice(-6))
      throw new UsageError('another key was offered with this link; nothing is enrolled, run it again')
    for (const enrolment of await grant.to(audience, host, page.meta)) await page.keep(enrolment)
    grant.report(audience, host, page.isLasting ? undefined : 'or until the gateway ends')
    return 0
  } finally {
    await page.close()
  }
}

/** `procura approve --remove DID`: ends the key of a browser. The gateway revokes its delegations. APR-38 */
export async function removeBrowser(
  { approvalsFolder }: GatewayConfig,
  words: readonly string[],
  flags: Flags,
  host: Host,
): Promise<number> {
  if (words.length > 0) throw new UsageError('--remove takes no ID')
  const did = didOf('remove', textOf(flags, 'remove') ?? '')
  const files = pageFiles(approvalsFolder)
  const own = [...(await pageDelegations(files))].filter(([, { audience }]) => audience === did)
  if (own.length === 0)
    throw new UsageError(`${did} is not the key of a browser; \`procura approve --list\` lists those`)
  for (const [id] of own) await files.putEnding(id)
  if (flags['json'] === true) host.print(JSON.stringify({ removed: did }))
  else host.print(`removed ${did}: a running gateway ends it within seconds, and another one at its start`)
  return 0
}

interface Grant {
  /** The delegations of the owner, each as a container: one for each command. */
  to(audience: Did, host: Host, meta?: IpldMap): Promise<readonly string[]>
  report(audience: Did, host: Host, end?: string): void
}

/**
 * The delegations that the words describe: without a command, those of tools, and those of HTTP APIs if there are some.
 * A mistake in them is found before the person does anything.
 */
function grantOf(config: GatewayConfig, flags: Flags, usual: string): Grant {
  const expiresIn = readDuration('expires-in', textOf(flags, 'expires-in') ?? usual)
  const command = textOf(flags, 'command')
  const commands = command === undefined ? ['/mcp', ...(config.apis.size > 0 ? ['/http'] : [])] : [command]
  const path = textOf(flags, 'from') ?? join(dirname(config.path), 'owner.key')
  return {
    async to(audience, host, meta) {
      const [issuer] = (await openApproverKeys(path, config, flags, host)).signers as [Signer]
      if (!config.subjects.includes(issuer.did))
        throw new UsageError(`${quote(path, 256)} is the key of ${issuer.did}, which is not a subject of the gateway`)
      const options = { issuer, audience, expiresIn, ...(meta !== undefined && { meta }) }
      const made = await Promise.all(commands.map((one) => delegate({ ...options, command: one })))
      return made.map((one) => encodeContainer([one]))
    },
    report(audience, host, end) {
      const expiration = systemClock.now() + expiresIn
      if (flags['json'] === true)
        host.print(JSON.stringify({ approver: audience, command: commands[0], commands, expiration }))
      else
        host.print(
          [
            `${audience} can approve ${commands.join(' and ')} until ${showDate(expiration)}`,
            ...(end ? [end] : []),
          ].join(', '),
        )
    },
  }
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
