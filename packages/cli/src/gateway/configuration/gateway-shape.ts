import { parseDid } from 'procura'
import { isConfidential } from '#support/loopback.ts'
import { apiShape } from './api-shape.ts'
import { argumentRules, wrongArgumentRules } from './argument-shape.ts'
import { credential, headerNames, secretHeadersField, wrongLogin, wrongSecretHeaders } from './header-shape.ts'
import { movedForms } from './moved.ts'
import type { ObjectShape, StringShape, TableShape } from './shape.ts'

const path: StringShape = {
  kind: 'string',
  noun: 'a path',
  pattern: '^[^\\u0000]+$',
  check: (value) => (/^[^\0]{1,4096}$/s.test(value) ? undefined : 'must be a path, relative to this file or absolute'),
}

/** A string that becomes a part of a command for a person. */
function form(pattern: RegExp, noun: string): StringShape {
  return {
    ...{ kind: 'string', noun, pattern: pattern.source },
    check: (value) => (pattern.test(value) ? undefined : `must be ${noun}`),
  }
}

const word: StringShape = {
  kind: 'string',
  noun: 'a string',
  check: (value) => (value.includes('\0') ? 'must not contain a null character' : undefined),
}

/** Only this machine can connect: the listeners have no encryption. */
const loopbackAddress: StringShape = {
  kind: 'string',
  noun: 'a loopback address such as "127.0.0.1:7333"',
  pattern: '^(127\\.0\\.0\\.1|\\[::1\\]):[0-9]{1,5}$',
  check: (value) => {
    const [, port] = /^(?:127\.0\.0\.1|\[::1\]):([0-9]{1,5})$/.exec(value) ?? []
    return port !== undefined && Number(port) <= 65_535
      ? undefined
      : 'must be a loopback address with a port, such as "127.0.0.1:7333"'
  },
}

const did: StringShape = {
  kind: 'string',
  noun: 'a DID',
  pattern: '^did:[a-z0-9]+:.+$',
  check: (value) => {
    try {
      parseDid(value)
      return undefined
    } catch {
      return 'must be a DID, such as did:key:z6Mk…'
    }
  },
}

/** An upstream, to which a credential is sent: encrypted, or on this machine. */
const upstream: StringShape = {
  kind: 'string',
  noun: 'a URL',
  pattern: '^https?://',
  check: (value) => {
    const url = URL.canParse(value) ? new URL(value) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol)) return 'must be an absolute URL of https'
    if (url.username !== '' || url.password !== '') return 'must not contain user information; use `secretHeaders`'
    if (url.hash !== '') return 'must not contain a fragment'
    return isConfidential(url) ? undefined : 'must be a URL of https; plain http is allowed on this machine only'
  },
}

const variableNames = {
  kind: 'table',
  namePattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$',
  checkName: (name) =>
    /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name) ? undefined : 'must be the name of an environment variable',
} satisfies Partial<TableShape>

const headerValue: StringShape = {
  kind: 'string',
  noun: 'a string',
  pattern: '^[\\x20-\\x7e]+$',
  check: (value) =>
    /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)
      ? undefined
      : 'must be visible ASCII without white space at its ends',
}

const allow = {
  shape: {
    kind: 'list',
    item: {
      kind: 'string',
      noun: 'a string',
      choices: ['resources', 'prompts', 'completions', 'elicitation', 'sampling', 'instructions'],
    },
    least: 0,
  },
  about:
    'requests that pass to the server unguarded, from every process that can connect: "resources", "prompts", "completions"; and ways of the server to the person and the model: "elicitation", "sampling", "instructions"; default: none',
  optional: true,
} as const satisfies ObjectShape['fields'][string]

const acceptDescriptions = {
  shape: { kind: 'constant', value: true },
  about:
    'true: a new title or description of an accepted tool is accepted by itself, for a server that may change what the model reads; default: somebody has to accept it',
  optional: true,
} as const satisfies ObjectShape['fields'][string]

const approvers = { kind: 'list', item: did, least: 1 } as const

/** APR-90 */
const approvals = {
  shape: {
    kind: 'table',
    namePattern: '^.{1,128}$',
    checkName: (name) => (/^.{1,128}$/su.test(name) ? undefined : 'must be the name of a tool, or *'),
    value: {
      kind: 'object',
      fields: {
        threshold: {
          shape: { kind: 'integer', least: 1, most: 16 },
          about: 'how many approvers have to approve each call; default 1',
          optional: true,
        },
        approvers: {
          shape: approvers,
          about: 'the DIDs of those who can approve it; default: the owner and `approvals.approvers`',
          optional: true,
        },
      },
    },
  },
  about: 'tools whose every call needs an approval, by name; * is every tool without a rule of its own',
  optional: true,
} as const satisfies ObjectShape['fields'][string]

const stdioServer: ObjectShape = {
  kind: 'object',
  fields: {
    type: {
      shape: { kind: 'string', noun: 'a string', choices: ['stdio'] },
      about: 'a program that the gateway starts',
    },
    command: {
      shape: { ...path, noun: 'a program' },
      about: 'the program: a path, or a name that is looked up in PATH',
    },
    args: { shape: { kind: 'list', item: word, least: 0 }, about: 'its arguments; no secret', optional: true },
    cwd: { shape: path, about: 'its working directory; default: the folder of this file', optional: true },
    env: {
      shape: { ...variableNames, value: word },
      about: 'its environment variables that are not secret',
      optional: true,
    },
    secretEnv: {
      shape: { ...variableNames, value: credential },
      about: 'its secret environment variables: the name of the credential of each',
      optional: true,
    },
    allow,
    acceptDescriptions,
    stderr: { shape: path, about: 'a file for its standard error; default: it is discarded', optional: true },
    approvals,
    ...argumentRules,
  },
  check: ({ env, secretEnv, types, paths }) => {
    const twice = Object.keys(Object(env)).find((name) => Object.hasOwn(Object(secretEnv), name))
    return twice === undefined
      ? wrongArgumentRules(types, paths)
      : `has the variable ${twice} in \`env\` and in \`secretEnv\`; remove one of them`
  },
}

const httpServer: ObjectShape = {
  kind: 'object',
  fields: {
    type: { shape: { kind: 'string', noun: 'a string', choices: ['http'] }, about: 'a server of Streamable HTTP' },
    url: { shape: upstream, about: 'its endpoint' },
    transport: {
      shape: { kind: 'string', noun: 'a string', choices: ['sse'] },
      about: '"sse": the former transport HTTP+SSE, for a server without Streamable HTTP',
      optional: true,
    },
    headers: { shape: { ...headerNames, value: headerValue }, about: 'headers that are not secret', optional: true },
    secretHeaders: { ...secretHeadersField, optional: true },
    login: {
      shape: credential,
      about: 'the credential that `procura login` stores, for a server with OAuth; in the place of `secretHeaders`',
      optional: true,
    },
    ...argumentRules,
    allow,
    acceptDescriptions,
    approvals,
  },
  check: ({ headers, secretHeaders, login, types, paths }) => {
    const wrong = wrongSecretHeaders(secretHeaders) ?? wrongLogin({ login, headers, secretHeaders })
    if (wrong !== undefined) return wrong
    const rules = wrongArgumentRules(types, paths)
    if (rules !== undefined) return rules
    const secret = Object.keys(Object(secretHeaders)).map((name) => name.toLowerCase())
    const twice = Object.keys(Object(headers)).some((name) => secret.includes(name.toLowerCase()))
    return twice ? 'has one header in `headers` and in `secretHeaders`; remove one of them' : undefined
  },
}

/** The source of a passphrase. */
const vaultUnlock: ObjectShape = {
  kind: 'object',
  fields: {
    keyring: {
      shape: { kind: 'constant', value: true },
      about: 'true: the keyring of the desktop',
      optional: true,
    },
    command: {
      shape: { kind: 'list', item: word, least: 1 },
      about: 'a program with its arguments, which prints the passphrase',
      optional: true,
    },
    credential: {
      shape: {
        kind: 'string',
        noun: 'a name',
        pattern: '^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$',
        check: (value) =>
          /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/.test(value)
            ? undefined
            : 'must be a name of at most 64 letters, digits, _, - and dots, without a dot at its beginning',
      },
      about: 'the name of a credential of systemd',
      optional: true,
    },
  },
  check: (value) =>
    Object.keys(value).length === 1 ? undefined : 'must have exactly one of `keyring`, `command` and `credential`',
}

const upstreamNames: Pick<TableShape, 'checkName' | 'namePattern'> = {
  namePattern: '^[a-z0-9][a-z0-9_-]{0,31}$',
  checkName: (name) =>
    /^[a-z0-9][a-z0-9_-]{0,31}$/.test(name)
      ? undefined
      : 'must begin with a-z or 0-9 and have at most 32 characters of a-z, 0-9, _ and -',
}

/** The shape of `gateway.json`. */
export const gatewayShape: ObjectShape = {
  kind: 'object',
  fields: {
    $schema: { shape: word, about: 'the address of the JSON Schema, for editors', optional: true },
    version: { shape: { kind: 'constant', value: 1 }, about: 'the version of the format: 1' },
    listen: {
      shape: {
        kind: 'object',
        fields: {
          socket: { shape: path, about: 'the path of a Unix socket', optional: true },
          address: { shape: loopbackAddress, about: 'a loopback address, such as 127.0.0.1:7333', optional: true },
        },
        check: ({ socket, address }) =>
          (socket === undefined) === (address === undefined) ? 'must have either `socket` or `address`' : undefined,
      },
      about: 'where `procura connect` reaches the gateway: { "socket": "gateway.sock" }',
    },
    service: {
      shape: { kind: 'object', fields: { key: { shape: path, about: 'the signer file of the gateway' } } },
      about: 'the identity of the gateway: { "key": "service.key" }',
    },
    subjects: { shape: { kind: 'list', item: did, least: 1 }, about: 'the DIDs of the owners whose delegations count' },
    vault: {
      shape: {
        kind: 'object',
        fields: {
          file: { shape: path, about: 'the encrypted file' },
          keyFile: { shape: path, about: 'its key file; default: the passphrase', optional: true },
          unlock: {
            shape: vaultUnlock,
            about: 'the source of its passphrase; default: it is typed, or in PROCURA_VAULT_PASSPHRASE',
            optional: true,
          },
        },
        check: ({ keyFile, unlock }) =>
          keyFile === undefined || unlock === undefined ? undefined : 'must not have both `keyFile` and `unlock`',
      },
      about: 'the credentials: { "file": "vault" }',
    },
    audit: {
      shape: { kind: 'object', fields: { directory: { shape: path, about: 'the folder of the log' } } },
      about: 'the audit log: { "directory": "log" }',
    },
    state: {
      shape: { kind: 'object', fields: { file: { shape: path, about: 'the SQLite file' } } },
      about: 'calls that were seen, revocations and limits: { "file": "state.db" }',
    },
    tools: {
      shape: { kind: 'string', noun: 'a string', choices: ['first-use', 'reviewed'] },
      about:
        'whether the tools of a new server are accepted at first sight ("first-use", the default) or by `procura tools accept` alone ("reviewed")',
      optional: true,
    },
    servers: {
      shape: {
        kind: 'table',
        ...upstreamNames,
        value: { kind: 'variants', variants: { stdio: stdioServer, http: httpServer } },
      },
      about: 'the MCP servers behind the gateway, by name',
    },
    apis: {
      shape: { kind: 'table', ...upstreamNames, value: apiShape },
      about: 'the HTTP APIs behind the gateway, by name; no name is also one of `servers`',
      optional: true,
    },
    approvals: {
      shape: {
        kind: 'object',
        fields: {
          page: {
            shape: loopbackAddress,
            about: 'the loopback address of the page for approvals, such as 127.0.0.1:7335; default: no page is served',
            optional: true,
          },
          approvers: {
            shape: approvers,
            about: 'the DIDs of approvers beside the owner and the page; `procura approve --enroll` adds one',
            optional: true,
          },
          notify: {
            shape: { kind: 'constant', value: false },
            about: 'false: no notification on the desktop for a request; default: one where there is a desktop',
            optional: true,
          },
        },
      },
      about: 'how people approve calls that are refused otherwise',
      optional: true,
    },
    admin: {
      shape: {
        kind: 'object',
        fields: { address: { shape: loopbackAddress, about: 'a loopback address, such as 127.0.0.1:7334' } },
      },
      about: 'the address of `/health` and `/metrics`; default: they are not served',
      optional: true,
    },
    moved: {
      shape: {
        kind: 'object',
        fields: {
          home: { shape: form(movedForms.home, 'an absolute path'), about: 'the new home folder' },
          user: { shape: form(movedForms.user, 'the name of a user'), about: 'the user of the new home folder' },
        },
      },
      about: 'where the gateway is now, if it has moved to a user of its own: nothing uses this file as a gateway then',
      optional: true,
    },
  },
  // Their credentials are named alike.
  check: ({ servers, apis }) => {
    const both = Object.keys(Object(apis)).find((name) => Object.hasOwn(Object(servers), name))
    return both === undefined ? undefined : `has the name ${both} in \`servers\` and in \`apis\`; rename one of the two`
  },
}
