// node only: loads verbs that read files
import { delegationsKeyFile, gatewayHome, json, keyFile, ledger, newDelegationsKeyFile } from '../common-options.ts'
import type { Verb, VerbOption } from '../verb.ts'

const agent: VerbOption = {
  name: 'agent',
  value: 'NAME',
  about: 'the agent: its name in the home folder, or a path with a slash; default the only agent',
}

const config: VerbOption = {
  name: 'config',
  value: 'FILE',
  about: 'the configuration; default gateway.json in the home folder',
}

const ownDelegationsKeyFile: VerbOption = {
  ...delegationsKeyFile,
  about:
    'the key of an encrypted file of delegations; default: `unlock` of connect.json, or the passphrase in PROCURA_DELEGATIONS_PASSPHRASE',
}

const hookOptions: readonly VerbOption[] = [
  agent,
  gatewayHome,
  ownDelegationsKeyFile,
  {
    name: 'server',
    value: 'NAME',
    many: true,
    about: 'a server of the gateway; Mail=mail if the client calls it Mail; default for `hook`: those of gateway.json',
  },
  { name: 'pass-approvable', about: 'let a call pass that an approval could permit' },
]

/** The verbs of the gateway and its agents. */
export const gatewayVerbs: readonly Verb[] = [
  {
    name: 'serve',
    operands: '',
    about: 'run the gateway: it holds the credentials of MCP servers and HTTP APIs, and decides about each call',
    options: [
      gatewayHome,
      config,
      { name: 'dry-run', about: 'record decisions and enforce none: every call runs, also a forbidden one' },
      {
        name: 'background',
        about:
          'read the passphrase of the vault from standard input, and write the output into serve.log; `start` does it',
      },
      json,
    ],
    example: 'procura serve --home ~/.config/procura',
    run: async (...given) => (await import('./serve.ts')).serve(...given),
  },
  {
    name: 'start',
    operands: '',
    about: 'start the gateway in the background, and wait until it listens',
    options: [gatewayHome, config, json],
    example: 'procura start',
    run: async (...given) => (await import('./start.ts')).start(...given),
  },
  {
    name: 'stop',
    operands: '',
    about: 'end the gateway in order, and wait until it has ended',
    options: [gatewayHome, config, json],
    example: 'procura stop',
    negative: 'it has not ended in time',
    run: async (...given) => (await import('./stop.ts')).stop(...given),
  },
  {
    name: 'reload',
    operands: '',
    about: 'let the running gateway take its changed configuration, and look at the tools of its servers again',
    options: [gatewayHome, config, json],
    example: 'procura reload',
    negative: 'the gateway does not run, or goes on with the configuration of before',
    run: async (...given) => (await import('./reload.ts')).reload(...given),
  },
  {
    name: 'status',
    operands: '',
    about: 'show the gateway, its servers and agents, what each agent may do, and what was refused, on one screen',
    options: [gatewayHome, config, ownDelegationsKeyFile, json],
    example: 'procura status',
    negative: 'the gateway does not run',
    run: async (...given) => (await import('./status.ts')).status(...given),
  },
  {
    name: 'service install',
    operands: '',
    about: 'start the gateway at each login, by systemd or launchd, and now',
    options: [gatewayHome, json],
    example: 'procura service install',
    negative: 'the gateway does not listen',
    run: async (...given) => (await import('../service/service.ts')).installService(...given),
  },
  {
    name: 'service remove',
    operands: '',
    about: 'end the gateway that starts at login, and start it no more',
    options: [json],
    example: 'procura service remove',
    negative: 'the service manager failed',
    run: async (...given) => (await import('../service/service.ts')).removeService(...given),
  },
  {
    name: 'tools list',
    operands: '[SERVER]',
    about: 'show which tools of the servers are accepted, new or changed, how they have changed, and their hashes',
    options: [gatewayHome, config, json],
    example: 'procura tools list mail',
    negative: 'a tool is new, changed or gone',
    run: async (...given) => (await import('./tools.ts')).listTools(...given),
  },
  {
    name: 'tools accept',
    operands: 'SERVER [HASH…]',
    about:
      'show the changed tools of a server at the terminal, and accept them after a yes; or accept definitions by the hashes that `tools list` shows',
    options: [gatewayHome, config, json],
    example: 'procura tools accept mail',
    negative: 'the answer was not yes',
    run: async (...given) => (await import('./tools.ts')).acceptSome(...given),
  },
  {
    name: 'connect',
    operands: '[SERVER]',
    about:
      'serve an MCP client over stdio, and sign its calls for a server of the gateway; with --api, serve HTTP clients',
    options: [
      { name: 'api', value: 'NAME', about: 'in place of a server: an HTTP API of the gateway' },
      {
        name: 'listen',
        value: 'PLACE',
        about: 'with --api: a loopback address such as 127.0.0.1:8080, or the path of a Unix socket, with a slash',
      },
      agent,
      gatewayHome,
      ownDelegationsKeyFile,
      {
        name: 'wait',
        value: 'DURATION',
        about:
          'let a call wait so long for its approval if the client cannot ask for it, at most 1h; default: it is refused',
      },
    ],
    example: 'procura connect mail --agent assistant',
    run: async (...given) => (await import('./connect.ts')).connect(...given),
  },
  {
    name: 'approve',
    operands: '[ID]',
    about: 'show requests of agents, and approve them for one call or with a scope, or refuse them, at a terminal',
    options: [
      gatewayHome,
      config,
      { name: 'list', about: 'list the requests, and answer none; it needs no terminal' },
      { name: 'deny', about: 'refuse without a question' },
      { name: 'for', value: 'DURATION', about: 'the length of an approval with a scope; default 8h, at most 7d' },
      {
        name: 'scope',
        value: 'NUMBER',
        choices: ['1', '2', '3'],
        about: 'with ID: ask about this scope of the request alone, by its number in the question',
      },
      {
        name: 'page',
        about: 'make your browser an approver on the page of the gateway, usually until the gateway ends',
      },
      { name: 'remove', value: 'DID', about: 'end the key of a browser; --list names them' },
      { name: 'enroll', value: 'DID', about: 'make a principal an approver; default for 30d' },
      { name: 'elsewhere', about: 'with --enroll, where the gateway serves a page: the key is not in a browser' },
      {
        name: 'expires-in',
        value: 'DURATION',
        about: 'with --enroll or --page: such as 8h; default 30d, and 7d for --page, if the gateway ends its key',
      },
      {
        name: 'command',
        value: 'COMMAND',
        about: 'with --enroll or --page: the commands that it can approve; default /mcp, and /http with HTTP APIs',
      },
      { name: 'from', value: 'FILE', about: 'the key file of the approver; default owner.key in the home folder' },
      { ...ledger, about: `with a scope: ${ledger.about}` },
      { ...keyFile, about: 'the key of that file; default `vault.keyFile`, or the passphrase, which is typed' },
      json,
    ],
    example: 'procura approve',
    negative: 'a request is refused',
    run: async (...given) => (await import('../approvals/approve.ts')).approve(...given),
  },
  {
    name: 'agent new',
    operands: 'NAME',
    about: 'make the folder of an agent, with a key and the address of the gateway, and print its DID',
    options: [
      { name: 'like', value: 'NAME', about: 'use the gateway of this agent; default the only agent' },
      { name: 'socket', value: 'FILE', about: 'the Unix socket of the gateway' },
      { name: 'address', value: 'ADDRESS', about: 'the loopback address of the gateway, such as 127.0.0.1:7333' },
      { name: 'audience', value: 'DID', about: 'the DID of the gateway' },
      { name: 'subject', value: 'DID', about: 'the DID of the owner' },
      { name: 'encrypt', about: 'encrypt the key under a passphrase, from PROCURA_KEY_PASSPHRASE or the terminal' },
      keyFile,
      newDelegationsKeyFile,
      gatewayHome,
      json,
    ],
    example: 'procura agent new researcher --like assistant',
    run: async (...given) => (await import('../home/agent.ts')).newAgent(...given),
  },
  {
    name: 'agent receive',
    operands: 'NAME [FILE]',
    about: 'verify delegations to an agent, and store them',
    options: [keyFile, delegationsKeyFile, gatewayHome, json],
    example: 'procura agent receive researcher narrow.ucan',
    negative: 'a delegation is refused, and none is stored',
    run: async (...given) => (await import('../home/agent.ts')).receive(...given),
  },
  {
    name: 'agent list',
    operands: '',
    about: 'list the agents of the home folder, with their DIDs',
    options: [gatewayHome, json],
    example: 'procura agent list',
    run: async (...given) => (await import('../home/agent.ts')).listAgents(...given),
  },
  {
    name: 'agent show',
    operands: '[NAME]',
    about: 'print the DID of an agent, and the authority that it has now',
    options: [keyFile, delegationsKeyFile, gatewayHome, json],
    example: 'procura agent show researcher',
    run: async (...given) => (await import('../home/agent.ts')).showAgent(...given),
  },
  {
    name: 'hook install',
    operands: 'CLIENT',
    about: 'write the hook into the settings of claude or codex; a hook is not the boundary, see spec/connect.md',
    options: [
      ...hookOptions,
      {
        name: 'file',
        value: 'FILE',
        about: 'the settings; default settings.json in ~/.claude, hooks.json in ~/.codex',
      },
      { name: 'print', about: 'print the settings, and write nothing' },
    ],
    example: 'procura hook install claude --server mail --server github',
    run: async (...given) => (await import('../hooks/hook-install.ts')).installHook(...given),
  },
  {
    name: 'hook',
    operands: '',
    about: 'answer a PreToolUse hook of Claude Code or Codex, on standard input',
    options: hookOptions,
    example: 'procura hook --agent assistant --server mail < hook.json',
    run: async (...given) => (await import('../hooks/hook.ts')).hook(...given),
  },
]
