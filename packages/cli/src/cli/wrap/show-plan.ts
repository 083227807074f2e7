// node only: works with parts that use files
import { secretKind } from '../../support/secret-kind.ts'
import type { ConfigDocument } from '../clients/config-document.ts'
import type { ConfigFile } from '../clients/config-file.ts'
import { differenceOf } from '../clients/difference.ts'
import { linesOf, textOfSpan } from '../clients/text-edit.ts'
import type { NamedPlan } from './apply-wrap.ts'
import { dots, maskValues } from './mask.ts'
import type { Unplanned } from './planned.ts'
import { secretValuesIn } from './secrets-in-words.ts'

/** The plan in words: each decision with its reason. It has no secret. */
export function showPlans(plans: readonly NamedPlan[], others: readonly Unplanned[]): readonly string[] {
  return [
    ...plans.flatMap(({ entry, server, definition, sorted, notes }) => [
      `${entry.name} (line ${entry.line}) goes behind the gateway as ${server}`,
      ...(definition.type === 'stdio' ? [`  runs in ${definition.cwd}`] : []),
      ...(needsLogin(definition) ? ['  it gives tokens by OAuth, which go into the vault by a login'] : []),
      ...sorted.map(({ name, secret, why }) => `  ${name}: ${secret ? 'into the vault' : 'plain'}, because ${why}`),
      ...notes.map((note) => `  warning: ${note}`),
    ]),
    ...others.map(
      ({ entry, reason, refused }) =>
        `${entry.name} (line ${entry.line}) ${refused ? 'is refused' : 'stays'}: ${reason}`,
    ),
  ]
}

/** The ways of each server to the client and the model, and those that it no longer has. WRP-77 */
export function describeTrust(plans: readonly NamedPlan[]): readonly string[] {
  const [first, ...others] = plans
    .filter(({ definition: { allow } }) => allow === undefined)
    .map(({ server }) => server)
  const programs = plans.filter(({ definition: { type } }) => type === 'stdio').map(({ server }) => server)
  return [
    ...plans.flatMap(({ server, definition: { allow = [], acceptDescriptions } }) => [
      ...(allow.length > 0
        ? [`${allow.join(', ')} of ${server} pass, unguarded, for every process that can connect`]
        : []),
      ...(acceptDescriptions
        ? [
            `new titles and descriptions of the tools of ${server} are accepted by themselves: the model reads them at once`,
          ]
        : []),
    ]),
    ...(first === undefined
      ? []
      : [
          `only the tools of ${[first, ...others].join(', ')} pass: not its resources and prompts, which \`--server ${first} --allow resources\` lets pass, and not the folders (roots) of the client, which belong into its arguments`,
        ]),
    ...(programs.length === 0
      ? []
      : [
          `${programs.join(', ')} ${programs.length === 1 ? 'gets' : 'get'} no variable of the client beside those of the entry: add SSH_AUTH_SOCK, AWS_PROFILE, KUBECONFIG or another that is needed to \`env\` of the server in gateway.json`,
        ]),
  ]
}

/** Whether a person has to log in at a server. */
export function needsLogin(definition: NamedPlan['definition']): boolean {
  return definition.type === 'http' && definition.login !== undefined
}

/**
 * The difference in the form of `diff -u`, with secrets replaced by dots. It has the parts of the wrapped servers
 * alone: the lines around them can contain secrets of other servers. WRP-04
 */
export function showDifference(
  file: ConfigFile,
  after: ConfigDocument,
  next: string,
  plans: readonly NamedPlan[],
): readonly string[] {
  const mask = maskIn(
    plans,
    plans.flatMap(({ entry }) => secretValuesIn(entry.value)),
  )
  const [lineBefore, lineAfter] = [linesOf(file.text), linesOf(next)]
  const entries = new Map(after.servers.map((entry) => [JSON.stringify(entry.place), entry] as const))
  const hunks = plans.flatMap(({ entry }) =>
    entry.segments.flatMap((segment, at) => {
      const now = entries.get(JSON.stringify(entry.place))?.segments[at]
      if (now === undefined) return []
      const lines = [lineBefore(segment.offset), lineAfter(now.offset)] as const
      // Masked first: a secret may have several lines.
      return differenceOf(mask(textOfSpan(file.text, segment)), mask(textOfSpan(next, now)), ...lines)
    }),
  )
  return [`--- ${file.path}`, `+++ ${file.path}`, ...hunks.map(maskKeys)]
}

/** Replaces words that look like a key or a token, for example in a comment. */
function maskKeys(line: string): string {
  return line
    .split(/([\s"'`,;])/)
    .map((word) => (secretKind(word, false) === undefined ? word : dots))
    .join('')
}

/**
 * Replaces the secrets of the plans in a text, as they are and with escapes.
 *
 * @param more - further secrets, which are not moved.
 */
export function maskIn(plans: readonly NamedPlan[], more: readonly string[] = []): (text: string) => string {
  const moved = new Set(
    plans.flatMap(({ entry, secrets }) => [
      ...secrets.flatMap(({ value }) => [value, ...partsOf(value)]),
      ...rawSecrets(entry.value, new Set(secrets.map(({ name }) => name))),
    ]),
  )
  const values = [...moved, ...more].filter((value) => value !== '').sort((one, other) => other.length - one.length)
  return (text) => maskValues(text, values)
}

/** The token of a header without its scheme. */
function partsOf(value: string): readonly string[] {
  const [, token] = /^[A-Za-z]{1,20} (.+)$/s.exec(value) ?? []
  return token === undefined ? [] : [token]
}

/** The secrets as the file has them, before references were filled in. */
function rawSecrets(value: unknown, names: ReadonlySet<string>): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === 'string' && names.has(name) ? literalParts(inner) : rawSecrets(inner, names),
  )
}

/** The parts of a string around its references, without the scheme of a header. */
function literalParts(text: string): readonly string[] {
  if (!text.includes('${')) return [text]
  return text.split(/\$\{[^{}$]{0,4096}\}/).filter((part) => part.length > 3 && !/^[A-Za-z]{1,20} $/.test(part))
}
