// node only: loads verbs that read files
import { gatewayHome, json } from '../common-options.ts'
import type { Verb, VerbOption } from '../verb.ts'

const vaultKeyFile: VerbOption = {
  name: 'key-file',
  value: 'FILE',
  about: 'the key file of the vault; default: as gateway.json has it',
}

/** The verbs that change the secrets of a home folder. */
export const secretVerbs: readonly Verb[] = [
  {
    name: 'login',
    operands: 'SERVER',
    about: 'log in to a server with OAuth behind the gateway, in a browser; its tokens go into the vault',
    options: [
      {
        name: 'client-id',
        value: 'ID',
        about: 'a client that is registered at the authorization server; its secret is asked for; default: a new one',
      },
      gatewayHome,
      vaultKeyFile,
      json,
    ],
    example: 'procura login github',
    run: async (...given) => (await import('../login/login.ts')).login(...given),
  },
  {
    name: 'rotate',
    operands: 'SERVER [NAME]',
    about:
      'store the new value of a key of a server or API behind the gateway; it is typed, or read from standard input',
    options: [gatewayHome, vaultKeyFile, json],
    example: 'procura rotate mail MAIL_KEY',
    run: async (...given) => (await import('./rotate.ts')).rotate(...given),
  },
]
