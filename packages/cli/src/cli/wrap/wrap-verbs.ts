// node only: loads verbs that read files
import { delegationsKeyFile, gatewayHome, json, newDelegationsKeyFile } from '../common-options.ts'
import type { Verb, VerbOption } from '../verb.ts'

const gatewayKey: VerbOption = {
  name: 'key-file',
  value: 'FILE',
  about: 'the key file of the vault; default: the passphrase in PROCURA_VAULT_PASSPHRASE, or from the terminal',
}

/** The same where the vault may be made. */
const newGatewayKey: VerbOption = {
  ...gatewayKey,
  about:
    'the key of the vault, made if it is missing; the agent can read it if it runs as the same user; default: the passphrase in PROCURA_VAULT_PASSPHRASE, of the keyring, or from the terminal',
}

const askPassphrase: VerbOption = {
  name: 'ask-passphrase',
  about: 'ask for the passphrase of a new vault, also where a keyring could have it',
}

const clients = ['claude', 'claude-desktop', 'codex', 'cursor', 'vscode'] as const

const client: VerbOption = {
  name: 'client',
  value: 'NAME',
  choices: clients,
  about: 'the client of the file; default: by its name and content',
}

/** The verbs that move a client's servers behind the gateway, and back. */
export const wrapVerbs: readonly Verb[] = [
  {
    name: 'wrap',
    operands: '[CONFIG]',
    about:
      "move the MCP servers of a client's configuration behind the gateway, and their secrets into the vault; without a path, a dialogue finds the configurations",
    options: [
      client,
      { name: 'server', value: 'NAME', many: true, about: 'only this server; default all' },
      { name: 'agent', value: 'NAME', about: 'the name of the agent; default: of the client' },
      gatewayHome,
      newGatewayKey,
      askPassphrase,
      newDelegationsKeyFile,
      {
        name: 'policy',
        value: 'TEXT',
        many: true,
        about: 'a condition on the arguments of a tool, such as "send: .to like *@example.com"; * is every tool',
      },
      {
        name: 'tools',
        value: 'TOOL',
        many: true,
        about: 'a tool that the agent may call; default all, without --policy',
      },
      {
        name: 'approve',
        value: 'TOOL',
        many: true,
        about: 'a tool whose every call needs an approval by a person, see `procura approve`; * is every tool',
      },
      {
        name: 'type',
        value: 'NAME=TYPE',
        many: true,
        about:
          'the type of an argument of the tools, such as to=email: one value in one spelling; email, hostName, ipAddress, oneLine, path, segment, shellWord or url',
      },
      {
        name: 'only',
        value: 'TEXT',
        many: true,
        about: 'the only arguments of a call of a tool, such as "send: to, subject, body"; * is every tool',
      },
      {
        name: 'paths',
        value: 'NAME',
        many: true,
        about: 'an argument of the tools that is a path, so that a policy about a folder holds for one spelling of it',
      },
      {
        name: 'allow',
        value: 'NAME',
        many: true,
        choices: ['resources', 'prompts', 'completions', 'elicitation', 'sampling', 'instructions'],
        about: 'what passes between the server and its client beside the tools, unguarded; default nothing',
      },
      {
        name: 'accept-descriptions',
        about:
          'accept a new title or description of an accepted tool by itself, of a server that may change what the model reads',
      },
      { name: 'expires-in', value: 'DURATION', about: 'the validity of the delegation, such as 8h; default 30d' },
      { name: 'secret', value: 'NAME', many: true, about: 'a variable or header that is secret' },
      { name: 'plain', value: 'NAME', many: true, about: 'a variable or header that is not secret' },
      { name: 'from-env', about: 'take the values of environment variables from the environment of this command' },
      { name: 'keep-args', about: 'leave secrets in arguments and URLs; gateway.json then contains them' },
      { name: 'dry-run', about: 'show the difference, with secrets masked, and write nothing' },
      json,
    ],
    example: 'procura wrap ~/.claude.json --server mail --policy "send: .to like *@example.com" --type to=email',
    negative: 'a server was refused',
    run: async (words, flags, host) =>
      words.length === 0
        ? (await import('./wrap-dialogue.ts')).wrapDialogue(flags, host)
        : (await import('./wrap.ts')).wrap(words, flags, host),
  },
  {
    name: 'unwrap',
    operands: 'CONFIG',
    about: "put the servers of a client's configuration back, with their secrets",
    options: [
      client,
      gatewayHome,
      gatewayKey,
      delegationsKeyFile,
      {
        name: 'keep-vault',
        about: 'leave the servers in gateway.json, their credentials in the vault, and the delegations of the agent',
      },
      { name: 'keep-delegations', about: 'remove the delegations of the agent without revoking them' },
      { name: 'dry-run', about: 'write nothing' },
      json,
    ],
    example: 'procura unwrap ~/.claude.json',
    negative: 'a server could not be put back',
    run: async (...given) => (await import('./unwrap.ts')).unwrap(...given),
  },
  {
    name: 'api add',
    operands: 'NAME ORIGIN',
    about: 'put an HTTP API behind the gateway, its key into the vault, and let an agent call it',
    options: [
      { name: 'bearer', about: 'the key is a token, sent as `Authorization: Bearer`' },
      {
        name: 'header',
        value: 'NAME',
        many: true,
        about:
          'the key is the value of this header; with several, standard input is a JSON object with the value of each',
      },
      { name: 'agent', value: 'NAME', about: 'the agent, which is made if it does not exist; default the only agent' },
      { name: 'method', value: 'METHOD', many: true, about: 'a method of requests; default: every usual one' },
      { name: 'path', value: 'PATH', many: true, about: 'a path of requests, with all below it; default: every path' },
      {
        name: 'policy',
        value: 'TEXT',
        many: true,
        about: 'a condition on .method, .path, .query or .digest, such as ".path like /v1/*"',
      },
      { name: 'expires-in', value: 'DURATION', about: 'the validity of the delegation, such as 8h; default 30d' },
      gatewayHome,
      newGatewayKey,
      askPassphrase,
      newDelegationsKeyFile,
      json,
    ],
    example: 'procura api add crm https://api.example.com --bearer --policy ".method == GET"',
    run: async (...given) => (await import('../api/api.ts')).addApi(...given),
  },
  {
    name: 'api remove',
    operands: 'NAME',
    about: 'remove an HTTP API and its key, and revoke the delegations for it',
    options: [gatewayHome, gatewayKey, delegationsKeyFile, json],
    example: 'procura api remove crm',
    run: async (...given) => (await import('../api/api.ts')).removeApi(...given),
  },
  {
    name: 'run',
    operands: '-- PROGRAM …',
    about: 'run an agent without the secrets of the vault in its environment, and with the addresses of the APIs',
    options: [
      { name: 'api', value: 'NAME', many: true, about: 'an API whose address the program gets; default all' },
      { name: 'agent', value: 'NAME', about: 'the agent that calls the APIs; default the only agent' },
      {
        name: 'keep',
        value: 'NAME',
        many: true,
        about: 'a variable that stays although a server has a secret of its name, with another value',
      },
      gatewayHome,
      gatewayKey,
      delegationsKeyFile,
    ],
    example: 'procura run -- claude --continue',
    negative: 'the program ended with 1; each other exit code of it is passed on, too',
    run: async (...given) => (await import('../agent-program/run-agent.ts')).runAgent(...given),
  },
  {
    name: 'renew',
    operands: '[AGENT…]',
    about:
      'issue the delegations of agents again with a new end, before they end or up to 90 days later; default all agents',
    options: [
      {
        name: 'expires-in',
        value: 'DURATION',
        about: 'the validity from now on, such as 8h; default: as long as at first',
      },
      gatewayHome,
      gatewayKey,
      delegationsKeyFile,
      json,
    ],
    example: 'procura renew claude',
    negative: 'something could not be renewed, or there is nothing to renew',
    run: async (...given) => (await import('../home/renew.ts')).renew(...given),
  },
  {
    name: 'doctor',
    operands: '',
    about: 'check the gateway, its agents and clients, and search the old places for secrets that are still readable',
    options: [gatewayHome, gatewayKey, delegationsKeyFile, json],
    example: 'procura doctor',
    negative: 'something has to be done',
    run: async (...given) => (await import('../doctor/doctor.ts')).doctor(...given),
  },
]
