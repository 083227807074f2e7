// node only: reads files
import { join } from 'node:path'
import { type Did, isDid } from 'procura/did'
import { describeSignerFile } from 'procura/signer/file'
import { quote } from '#support/quote.ts'
import { agentFolder, gatewayHome } from '../../gateway/configuration/home.ts'
import { invitedNames } from '../../gateway/configuration/principal-names.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'

/**
 * The DID in an option that takes nothing else.
 *
 * @throws UsageError when it is not one. The value is not shown: it may be a key in the wrong place.
 */
export function didOf(name: string, text: string): Did {
  if (isDid(text)) {
    assertLowerCaseHost(`--${name}`, text)
    return text
  }
  if (/^did:/i.test(text)) throw new UsageError(`--${name} is not a valid DID; copy the whole DID`)
  throw new UsageError(
    `--${name} must be a DID, such as did:key:z6Mk…; \`procura key show FILE\` prints the one of a key file, and \`procura agent list\` those of the agents`,
  )
}

/**
 * Refuses a `did:web` whose host has capitals: its document is never found, so it names nobody. CLI-23
 *
 * @throws UsageError with the spelling in lower case.
 */
export function assertLowerCaseHost(place: string, did: string): void {
  if (!did.startsWith('did:web:')) return
  const [authority = '', ...path] = did.slice(8).split(':')
  const [host = '', ...port] = authority.split('%3A')
  const lower = [[host.toLowerCase(), ...port].join('%3A'), ...path].join(':')
  if (lower !== did.slice(8))
    throw new UsageError(`${place}: the host of a did:web is in lower case; use did:web:${lower}`)
}

/** A principal that an option names. */
export interface NamedPrincipal {
  readonly did: Did
  /** That DID, and those of the previous keys of an agent. */
  readonly dids: readonly Did[]
  /** With its name, for people. */
  readonly words: string
}

/**
 * The principal in an option: a DID, the name of an agent in the home folder, or the path of its folder with a slash.
 * CLI-20
 *
 * @throws UsageError when it is neither. The value is not shown: it may be a key in the wrong place.
 */
export async function principalOf(name: string, text: string, flags: Flags, host: Host): Promise<NamedPrincipal> {
  if (/^did:/i.test(text)) {
    const did = didOf(name, text)
    return { did, dids: [did], words: did }
  }
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const folder = await agentFolder(home, text).catch(() => undefined)
  const path = folder === undefined ? undefined : join(folder, 'agent.key')
  const described = path === undefined ? undefined : await describeSignerFile({ path }).catch(() => undefined)
  const dids = described?.keys.map(({ did }) => did) ?? []
  const [did] = dids
  if (did !== undefined) return { did, dids, words: `${did} (agent ${text})` }
  const invited = await invitedNames(home)
  const [joined, ...former] = Object.keys(invited).filter((one): one is Did => isDid(one) && invited[one] === text)
  // A new invitation under the same name is for another key.
  if (joined !== undefined && former.length === 0)
    return { did: joined, dids: [joined], words: `${joined} (agent ${text})` }
  const agents = await namesInFolder(join(home, 'agents'))
  const known =
    agents.length === 0
      ? 'none'
      : agents
          .slice(0, 16)
          .map((one) => quote(one))
          .join(', ')
  throw new UsageError(
    `--${name} must be a DID, such as did:key:z6Mk…, or an agent of ${quote(home, 256)}, which has ${known}; \`procura key show FILE\` prints the DID of a key file`,
  )
}
