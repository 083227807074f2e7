// node only: loads verbs that read files
import { delegationsKeyFile, gatewayHome, json, keyFile, ledger } from './common-options.ts'
import { gatewayVerbs } from './gateway/gateway-verbs.ts'
import { secretVerbs } from './home/secret-verbs.ts'
import type { VaultFlags } from './home/vault.ts'
import { auditVerbs, logVerbs, storeVerbs } from './logs/log-verbs.ts'
import { policyVerbs } from './policy/policy-verbs.ts'
import { teamVerbs } from './team/team-verbs.ts'
import type { Verb, VerbOption } from './verb.ts'
import { wrapVerbs } from './wrap/wrap-verbs.ts'

const vaultFile: readonly VerbOption[] = [
  { name: 'file', value: 'FILE', about: 'the vault; created by the first `put`' },
  { name: 'key-file', value: 'FILE', about: 'its key; default: the passphrase in PROCURA_VAULT_PASSPHRASE' },
]

const bytes: VerbOption = {
  name: 'bytes',
  about: 'store the secret unchanged; default: as text, without one line feed at its end',
}

const rules: readonly VerbOption[] = [
  { name: 'origin', value: 'URL', many: true, about: 'an allowed origin, in full' },
  { name: 'bearer', about: 'send the secret as `Authorization: Bearer`' },
  {
    name: 'header',
    value: 'NAME',
    many: true,
    about: 'send it in this header; for several headers, the secret is a JSON object with the value of each',
  },
  { name: 'query', value: 'NAME', about: 'send it as this query parameter' },
  { name: 'method', value: 'METHOD', many: true, about: 'an allowed method; default GET and HEAD' },
  { name: 'path-prefix', value: 'PATH', about: 'allow only paths below this one; default all paths of the origin' },
  {
    name: 'allow-header',
    value: 'NAME',
    many: true,
    about: 'a header that the handler may send; default all headers with harmless names',
  },
  { name: 'command', value: 'COMMAND', many: true, about: 'a command that may use the credential; default all' },
  { name: 'subject', value: 'DID', many: true, about: 'a subject whose calls may use the credential; default all' },
  { name: 'leasable', about: 'the handler may receive the secret; required without --origin' },
  bytes,
]

function vault(verb: string): Verb['run'] {
  return async (words, flags, host) => {
    const { vaultCommand } = await import('./home/vault.ts')
    return vaultCommand([verb, ...words], flags as VaultFlags, host)
  }
}

const vaultVerbs: readonly Verb[] = [
  {
    name: 'vault put',
    operands: 'NAME',
    about: 'store a credential; the secret is read from standard input, or from the terminal',
    options: [...vaultFile, ...rules, json],
    example: 'procura vault put mail --file vault --key-file vault.key --origin https://api.example.com --bearer',
    run: vault('put'),
  },
  {
    name: 'vault rotate',
    operands: 'NAME',
    about: 'store the next version of a secret',
    options: [...vaultFile, bytes, json],
    example: 'procura vault rotate mail --file vault --key-file vault.key < new-secret',
    run: vault('rotate'),
  },
  {
    name: 'vault list',
    operands: '',
    about: 'list the credentials, never their secrets; --json includes the rules',
    options: [...vaultFile, json],
    example: 'procura vault list --file vault --key-file vault.key',
    run: vault('list'),
  },
  {
    name: 'vault remove',
    operands: 'NAME',
    about: 'remove a credential with all its versions',
    options: [...vaultFile, json],
    example: 'procura vault remove mail --file vault --key-file vault.key',
    negative: 'there is no credential of this name',
    run: vault('remove'),
  },
  {
    name: 'vault change-key',
    operands: '',
    about: 'encrypt the vault with another key',
    options: [
      ...vaultFile,
      {
        name: 'new-key-file',
        value: 'FILE',
        about: 'the new key; default: the passphrase in PROCURA_VAULT_NEW_PASSPHRASE',
      },
      {
        ...gatewayHome,
        about: 'the folder of the gateway of the vault; default: the folder of the vault, or the default home folder',
      },
      json,
    ],
    example: 'procura vault change-key --file vault --key-file vault.key --new-key-file next.key',
    run: vault('change-key'),
  },
  {
    name: 'vault new-key',
    operands: '',
    about: 'create the file that --key-file names',
    options: [{ name: 'key-file', value: 'FILE', about: 'the file to create' }, json],
    example: 'procura vault new-key --key-file vault.key',
    run: vault('new-key'),
  },
]

const keyVerbs: readonly Verb[] = [
  {
    name: 'key new',
    operands: 'FILE',
    about: 'make a key in a new file of mode 0600, and print its DID',
    options: [
      { name: 'algorithm', value: 'NAME', choices: ['Ed25519', 'ES256', 'ES256K'], about: 'default Ed25519' },
      { name: 'did', value: 'DID', about: 'the did:web that the key signs for; default: its did:key' },
      { name: 'encrypt', about: 'encrypt the file under a passphrase, from PROCURA_KEY_PASSPHRASE or the terminal' },
      { name: 'key-file', value: 'FILE', about: 'encrypt it under this key, which `procura vault new-key` makes' },
      json,
    ],
    example: 'procura key new agent.key',
    run: async (...given) => (await import('./tokens/key.ts')).newKey(...given),
  },
  {
    name: 'key show',
    operands: 'FILE',
    about: 'print the DID of a key file, and report its previous keys',
    options: [json],
    example: 'procura key show agent.key',
    run: async (...given) => (await import('./tokens/key.ts')).showKey(...given),
  },
  {
    name: 'key rotate',
    operands: 'FILE',
    about: 'make a new key in the file, and print its DID',
    options: [{ name: 'keep', value: 'N', about: 'the number of previous keys that stay; default 1' }, keyFile, json],
    example: 'procura key rotate agent.key',
    run: async (...given) => (await import('./tokens/key.ts')).rotateKey(...given),
  },
]

const from: VerbOption = { name: 'from', value: 'FILE', about: 'the key file of the principal that signs' }

const grant: readonly VerbOption[] = [
  from,
  { name: 'to', value: 'DID', about: 'the principal that receives the authority, or an agent by its name' },
  gatewayHome,
  { name: 'command', value: 'COMMAND', about: 'the command that may be called, with all commands below it' },
  { name: 'any-command', about: 'every command' },
  {
    name: 'policy',
    value: 'TEXT',
    many: true,
    about: 'a condition on the arguments, such as ".to like *@example.com"; all must hold',
  },
  { name: 'policy-file', value: 'FILE', about: 'conditions as a list of UCAN statements in JSON' },
  { name: 'expires-in', value: 'DURATION', about: 'such as 15m, 8h, 30d; default 1h' },
  { name: 'expires', value: 'TIME', about: 'the last second of validity, such as 2026-12-01T09:00:00Z' },
  { name: 'never-expires', about: 'valid for ever' },
  { name: 'not-before', value: 'TIME', about: 'the first second of validity' },
  { name: 'out', value: 'FILE', about: 'write a new file of mode 0600; default: standard output' },
  ledger,
  keyFile,
  json,
]

const chosen: VerbOption = { name: 'delegation', value: 'CID', about: 'which delegation, if the input has several' }

const authorityVerbs: readonly Verb[] = [
  {
    name: 'delegate',
    operands: '',
    about: 'give a principal a part of your own authority',
    options: grant,
    example:
      'procura delegate --from owner.key --to did:key:z6Mk… --command /mail/send --policy ".to like *@example.com" --expires-in 8h --out agent.ucan',
    run: async (...given) => (await import('./tokens/delegate.ts')).delegate(...given),
  },
  {
    name: 'attenuate',
    operands: '[FILE]',
    about: 'pass on a received delegation, narrowed',
    options: [...grant, chosen, delegationsKeyFile],
    example:
      'procura attenuate agent.ucan --from agent.key --to did:key:z6Mk… --policy ".to == bob@example.com" --expires-in 10m',
    run: async (...given) => (await import('./tokens/delegate.ts')).attenuate(...given),
  },
  {
    name: 'revoke',
    operands: '[FILE]',
    about: 'sign the revocation of a delegation, and send it to the gateway and to services; print it for others',
    options: [
      from,
      { name: 'to', value: 'URL', many: true, about: 'send it to the service that takes revocations there' },
      {
        name: 'agent',
        value: 'AGENT',
        about: 'in place of FILE and --from: revoke those of the owner of the gateway to this agent; a name or a DID',
      },
      { name: 'server', value: 'NAME', about: 'with --agent: only those for this server or API' },
      {
        name: 'home',
        value: 'DIR',
        about: 'the folder of the gateway; default PROCURA_HOME, or procura in ~/.config, if it has a gateway',
      },
      chosen,
      { name: 'out', value: 'FILE', about: 'write a new file of mode 0600; default: standard output' },
      ledger,
      keyFile,
      delegationsKeyFile,
      json,
    ],
    example: 'procura revoke agent.ucan --from owner.key --to https://mail.example/revocations',
    negative: 'the gateway that --home or --agent names, or a service of --to, has not taken the revocation',
    run: async (...given) => (await import('./tokens/revoke.ts')).revoke(...given),
  },
  {
    name: 'inspect',
    operands: '[FILE]',
    about: 'show any token or container in words, with its chain',
    options: [
      { name: 'at', value: 'TIME', about: 'the moment from which times are counted; default now' },
      { name: 'svg', about: 'print a picture of who delegated what to whom, for a browser' },
      { name: 'names', value: 'FILE', about: 'with --svg: names of DIDs, as a JSON object with a DID for each name' },
      delegationsKeyFile,
      json,
    ],
    example: 'procura inspect agent.ucan',
    negative: 'it is not a token or container, or a chain of it does not verify',
    run: async (...given) => (await import('./tokens/inspect.ts')).inspect(...given),
  },
  {
    name: 'why',
    operands: '[FILE]',
    about: 'report whether a service would allow the call of a container, and why not',
    options: [
      { name: 'audience', value: 'DID', about: 'the service; default: the audience of the call' },
      { name: 'subject', value: 'DID', many: true, about: 'a subject that the service acts for; default: any' },
      { name: 'at', value: 'TIME', about: 'the moment of the decision; default now' },
      { name: 'revoked', value: 'ID', many: true, about: 'a revoked delegation (CID) or principal (DID)' },
      { name: 'context', value: 'FILE', about: 'the whole service as JSON, in the form of `context` in spec/vectors' },
      { name: 'from', value: 'FILE', about: 'for delegations without a call: sign the call with this key file' },
      { name: 'command', value: 'COMMAND', about: 'with --from: the command of the call' },
      { name: 'args-file', value: 'FILE', about: 'with --from: the arguments of the call as a JSON object' },
      chosen,
      keyFile,
      delegationsKeyFile,
      json,
    ],
    example: 'procura why call.ucan --subject did:key:z6Mk… --at 2026-12-01T09:00:00Z',
    negative: 'the call is refused',
    run: async (...given) => (await import('./tokens/why.ts')).why(...given),
  },
]

const completionVerb: Verb = {
  name: 'completion',
  operands: 'SHELL',
  about: 'print the completions of bash, zsh or fish',
  options: [],
  example: 'source <(procura completion bash)',
  run: async (words, _, host) => (await import('./completion.ts')).completion(words, verbs, host),
}

/** Everything that the program does, in the order of the help. */
export const verbs: readonly Verb[] = [
  ...wrapVerbs,
  ...policyVerbs,
  ...teamVerbs,
  ...secretVerbs,
  ...keyVerbs,
  ...authorityVerbs,
  ...logVerbs,
  ...auditVerbs,
  ...storeVerbs,
  ...vaultVerbs,
  ...gatewayVerbs,
  completionVerb,
]
